from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.figures import Round, Row, as_text, longest_chain, table

NEEDS = {"a": [], "b": [], "c": ["a", "b"], "d": ["c"], "e": []}
SECONDS = {"a": 10.0, "b": 20.0, "c": 30.0, "d": 5.0, "e": 40.0}
GOOD = Round(cold=200.0, same=0.5, builds=60.0, loop=SECONDS, peak=100 * 1024)


def rows(*rounds: Round, jobs: int = 2, rerun: str = "c d") -> dict[str, Row]:
    found = table(
        rounds,
        NEEDS,
        jobs,
        rerun=frozenset(rerun.split()),
        expected=frozenset({"c", "d"}),
        number=9,
    )
    return {row.what: row for row in found}


def test_the_longest_chain_is_the_slowest_of_the_ways_through_the_graph() -> None:
    assert longest_chain(SECONDS, NEEDS) == 55.0
    assert longest_chain({**SECONDS, "e": 60.0}, NEEDS) == 60.0


def test_good_figures_are_within_their_limits() -> None:
    found = rows(GOOD)

    assert {row.within for row in found.values()} == {True, None}
    assert found["… of a plain loop of sbuild"].measured == "0.57"
    assert found["… of the longest dependency chain"].measured == "1.09"
    assert found["… of the longest dependency chain"].within is True


@pytest.mark.parametrize(
    ("change", "beyond"),
    [
        ({"same": 1.5}, {"run with nothing changed"}),
        ({"cold": 40.0}, {"… of the cold run"}),
        (
            {"builds": 80.0},
            {
                "… of a plain loop of sbuild",
                "… of the longest dependency chain",
                "… of the least that 2 jobs can need",
            },
        ),
        ({"peak": 201 * 1024}, {"peak memory"}),
    ],
)
def test_a_figure_beyond_its_limit_is_named(change: dict[str, float], beyond: set[str]) -> None:
    found = rows(replace(GOOD, **change))  # type: ignore[arg-type]

    assert {name for name, row in found.items() if row.within is False} == beyond


def test_one_slow_round_of_three_does_not_count() -> None:
    found = rows(GOOD, replace(GOOD, same=30.0, builds=500.0), GOOD)

    assert not [row for row in found.values() if row.within is False]


def test_a_step_that_need_not_run_again_is_beyond_the_limit() -> None:
    what = "steps after a change of one patch"

    assert rows(GOOD, rerun="a c d")[what].within is False
    assert rows(GOOD, rerun="d")[what].within is False


def test_a_chain_that_too_few_jobs_cannot_come_near_is_told_and_not_judged() -> None:
    found = rows(replace(GOOD, builds=110.0), jobs=1)

    assert found["… of the longest dependency chain"].within is None
    assert "1 jobs need 1.91" in found["… of the longest dependency chain"].limit
    assert found["… of the least that 1 jobs can need"].within is True


def test_the_table_has_a_line_for_every_figure() -> None:
    text = as_text(list(rows(GOOD).values()))

    assert len(text.splitlines()) == 10
    assert "peak memory                          100 MB" in text
