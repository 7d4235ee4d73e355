"""The order of steps: the longest chain first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backport.engine.schedule import chains, expected_seconds
from backport.engine.step import Step


def never_ran(_: str) -> None:
    return None


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Step], dict[str, float]]:
    """Steps that need earlier ones, and what some of them took when they last ran."""
    steps: dict[str, Step] = {}
    for number in range(draw(st.integers(1, 12))):
        needs = draw(st.lists(st.sampled_from(sorted(steps)), unique=True)) if steps else []
        limit = draw(st.sampled_from([0, 900, 14400]))
        step = Step("test", "xenial", f"s{number}", "t", needs=tuple(needs), limit=limit)
        steps[step.name] = step
    last = draw(st.dictionaries(st.sampled_from(sorted(steps)), st.floats(0, 5000)))
    return steps, last


@given(graphs())
def test_a_step_never_comes_after_one_that_needs_it(
    graph: tuple[dict[str, Step], dict[str, float]],
) -> None:
    steps, last = graph
    chain = chains(steps, last.get)
    for name, step in steps.items():
        seconds = expected_seconds(step, last.get)
        later = [chain[other.name] for other in steps.values() if name in other.needs]
        assert chain[name] == max([seconds, *(seconds + length for length in later)])


def test_the_last_run_counts_for_more_than_the_time_limit() -> None:
    step = Step("test", "xenial", "s", "t", limit=14400)
    assert expected_seconds(step, never_ran) == 1440
    assert expected_seconds(step, {step.name: 12.5}.get) == 12.5


def test_of_two_builds_the_one_that_a_long_test_waits_for_comes_first() -> None:
    builds = [Step("build", "xenial", name) for name in ("a", "b")]
    long = Step("test", "xenial", "b", "long", needs=("build/xenial/b",), limit=7200)
    short = Step("test", "xenial", "a", "short", needs=("build/xenial/a",), limit=900)
    chain = chains({step.name: step for step in (*builds, short, long)}, never_ran)
    assert sorted(chain, key=lambda name: -chain[name]) == [
        "build/xenial/b",
        "test/xenial/b.long",
        "build/xenial/a",
        "test/xenial/a.short",
    ]
