"""The order of steps: the longest chain first."""

from __future__ import annotations

from backport.engine.schedule import chains, lengths
from backport.engine.step import Step, StepId


def test_of_two_builds_the_one_that_a_long_test_waits_for_comes_first() -> None:
    order = tuple(StepId(kind, "xenial", name) for name in "ba" for kind in ("build", "test"))
    build_b, long, build_a, short = order
    steps = (
        Step(build_a),
        Step(build_b),
        Step(short, (build_a,), limit=900),
        Step(long, (build_b,), limit=7200),
    )
    graph = {step.id: step for step in steps}
    chain = chains(graph, lengths(graph, {}))
    assert tuple(sorted(chain, key=lambda step: -chain[step])) == order
    # The last run counts for more than the time limit.
    assert chain[long] == 720
    assert chains(graph, lengths(graph, {long: 1.5}))[long] == 1.5


def test_a_check_of_a_series_starts_before_the_checks_of_its_sources() -> None:
    of_series, of_source = StepId("check", "xenial", test="any"), StepId("check", "xenial", "a")
    taken = lengths({name: Step(name) for name in (of_source, of_series)}, {})
    assert taken[of_series] > taken[of_source]
