"""Which steps of the store still hold for the recipe as it is now: nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from backport.engine import outputs, verdict
from backport.engine.step import Step
from backport.engine.store import Result, Store, step_key
from backport.environments import choose
from backport.environments.base import Wanted
from backport.recipe.model import Recipe
from backport.run import plan as planning
from backport.run.plan import Selection


@dataclass(frozen=True)
class Tested:
    """The steps of a run, with the result of each that is up to date.

    `base` is the kind of base that the packages were built and tested on; "" where there is none.
    """

    steps: Mapping[str, Step]
    results: Mapping[str, Result]
    states: Mapping[str, str]
    base: str

    def of(self, source: str, series: str) -> dict[str, str]:
        """The state of a source's build and checks and of every test with it: "passed", or why not.

        The tests of a series install all that was built for it, so each is one with this source;
        so does the check that installs, upgrades, removes and purges all packages.
        """
        build = f"build/{series}/{source}"
        names = [build]
        names += [
            name
            for name, step in self.steps.items()
            if step.series == series
            and (step.kind == "test" or (step.kind == "check" and step.source in (source, "")))
        ]
        return {name: self.states.get(name, "not in the plan") for name in names}

    def passed(self, name: str) -> bool:
        """Whether a step has passed and is up to date."""
        return name in self.results


def compare(recipe: Recipe, store: Store, series: tuple[str, ...]) -> Tested:
    """Compare the store's records with what a run would ask for now."""
    kind = outputs.base_kind(store)
    base_inputs: dict[str, dict[str, str]] = {}
    if kind:
        base, _ = choose.choose(recipe, kind, offline=True)
        nothing = Wanted((), (), frozenset())
        base_inputs = {one.name: base.inputs(one, nothing) for one in recipe.series}
    steps = planning.make(recipe, Selection(series), kind, base_inputs)
    results: dict[str, Result] = {}
    states: dict[str, str] = {}
    graph = {name: step.needs for name, step in steps.items()}
    for name in TopologicalSorter(graph).static_order():
        step = steps[name]
        missing = [need for need in step.needs if need not in results]
        last = store.last(name)
        if missing:
            states[name] = f"{missing[0]} is not up to date"
            continue
        key = step_key(step, {need: results[need].digest for need in step.needs})
        fresh = store.fresh(name, key)
        if fresh is not None:
            results[name], states[name] = fresh, "passed"
        elif last is None:
            states[name] = "never run"
        elif last.key == key:
            states[name] = f"{verdict.kind(last.verdict)}: {verdict.text(last.verdict)}"
        else:
            states[name] = "not run since something changed"
    return Tested(steps, results, states, kind)
