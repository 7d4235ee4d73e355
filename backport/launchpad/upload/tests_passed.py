"""Which steps of the store still hold for the recipe as it is now: nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from backport.engine import verdict
from backport.engine.step import Step, StepId
from backport.engine.store import Result, Store, step_key
from backport.environments import choose, prepared
from backport.recipe.model import Recipe
from backport.run import plan as planning
from backport.run.plan import Selection


@dataclass(frozen=True)
class Tested:
    """The steps of a run, with the result of each that is up to date.

    `base` is the kind of base that the packages were built and tested on; "" where there is none.
    """

    steps: Mapping[StepId, Step]
    results: Mapping[StepId, Result]
    states: Mapping[StepId, str]
    base: str

    def of(self, source: str, series: str) -> dict[StepId, str]:
        """The state of a source's build and checks and of every test with it: "passed", or why not.

        The tests of a series install all that was built for it, so each is one with this source;
        so does the check that installs, upgrades, removes and purges all packages.
        """
        which = [StepId("build", series, source)]
        which += [
            step
            for step in self.steps
            if step.series == series
            and (step.kind == "test" or (step.kind == "check" and step.source in (source, "")))
        ]
        return {one: self.states.get(one, "not in the plan") for one in which}


def compare(recipe: Recipe, store: Store, series: tuple[str, ...]) -> Tested:
    """Compare the store's records with what a run would ask for now."""
    kind = prepared.kind_in(store)
    base_inputs: dict[str, dict[str, str]] = {}
    if kind:
        base, _ = choose.choose(recipe, kind, offline=True)
        base_inputs = {one.name: base.inputs(one) for one in recipe.series}
    steps = planning.make(recipe, Selection(series), kind, base_inputs)
    results: dict[StepId, Result] = {}
    states: dict[StepId, str] = {}
    graph = {step_id: step.needs for step_id, step in steps.items()}
    for step_id in TopologicalSorter(graph).static_order():
        step = steps[step_id]
        missing = [need for need in step.needs if need not in results]
        last = store.last(step_id)
        if missing:
            states[step_id] = f"{missing[0]} is not up to date"
            continue
        key = step_key(step, {need: results[need].digest for need in step.needs})
        fresh = store.fresh(step_id, key)
        if fresh is not None:
            results[step_id], states[step_id] = fresh, "passed"
        elif last is None:
            states[step_id] = "never run"
        elif last.key == key:
            states[step_id] = f"{verdict.kind(last.verdict)}: {verdict.text(last.verdict)}"
        else:
            states[step_id] = "not run since something changed"
    return Tested(steps, results, states, kind)
