"""The order of steps: the longest chain first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backport.engine.schedule import chains
from backport.engine.step import Step, StepId
from tests.support.steps import step_id


def never_ran(_: StepId) -> None:
    return None


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[StepId, Step], dict[StepId, float]]:
    """Steps that need earlier ones, and what some of them took when they last ran."""
    steps: dict[StepId, Step] = {}
    for number in range(draw(st.integers(1, 12))):
        needs = draw(st.lists(st.sampled_from(list(steps)), unique=True)) if steps else []
        limit = draw(st.sampled_from([0, 900, 14400]))
        step = Step(StepId("test", "xenial", f"s{number}"), tuple(needs), limit=limit)
        steps[step.id] = step
    last = draw(st.dictionaries(st.sampled_from(list(steps)), st.floats(0, 5000)))
    return steps, last


@given(graphs())
def test_a_step_never_comes_after_one_that_needs_it(
    graph: tuple[dict[StepId, Step], dict[StepId, float]],
) -> None:
    steps, last = graph
    chain = chains(steps, last.get)
    for name, step in steps.items():
        seconds = chains({name: Step(name, limit=step.limit)}, last.get)[name]
        later = [chain[other.id] for other in steps.values() if name in other.needs]
        assert chain[name] == max([seconds, *(seconds + length for length in later)])


def test_of_two_builds_the_one_that_a_long_test_waits_for_comes_first() -> None:
    order = tuple(
        map(step_id, ("build/xenial/b", "test/xenial/b.long", "build/xenial/a", "test/xenial/a.s"))
    )
    build_b, long, build_a, short = order
    steps = (
        Step(build_a),
        Step(build_b),
        Step(short, (build_a,), limit=900),
        Step(long, (build_b,), limit=7200),
    )
    graph = {step.id: step for step in steps}
    chain = chains(graph, never_ran)
    assert tuple(sorted(chain, key=lambda step: -chain[step])) == order
    # The last run counts for more than the time limit.
    assert chain[long] == 720
    assert chains(graph, {long: 1.5}.get)[long] == 1.5
