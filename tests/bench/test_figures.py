from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.bench.figures import Round, Row, as_text, longest_chain, table

NEEDS = {"a": [], "b": [], "c": ["a", "b"], "d": ["c"], "e": [], "f": []}
SECONDS = {"a": 10.0, "b": 20.0, "c": 30.0, "d": 5.0, "e": 40.0, "f": 50.0}
GOOD = Round(
    cold=400.0,
    idle=(0.1, 0.05),
    same=0.3,
    builds=60.0,
    loop=SECONDS,
    peak=99 * 1024,
    installs=(4.0, 50.0),
)


def rows(*rounds: Round) -> dict[str, Row]:
    return {row.what: row for row in table(rounds, NEEDS)}


def test_the_longest_chain_is_the_slowest_of_the_ways_through_the_graph() -> None:
    assert longest_chain(SECONDS, NEEDS) == 55.0
    assert longest_chain({**SECONDS, "e": 60.0}, NEEDS) == 60.0


@pytest.mark.parametrize(
    ("change", "beyond"),
    [
        ({}, set()),
        ({"cold": 500.0}, {"cold run"}),
        ({"idle": (0.05, 0.2)}, {"… core 1 idle"}),
        ({"same": 0.5}, {"… of the cold run"}),
        ({"same": 1.5}, {"run with nothing changed", "… of the cold run"}),
        ({"builds": 70.0}, {"… of a plain loop of sbuild"}),
        ({"builds": 95.0}, {"… of a plain loop of sbuild", "… of the least that 2 cores can need"}),
        ({"installs": (6.0, 50.0)}, {"… installing, of that without layers"}),
        ({"peak": 101 * 1024}, {"peak memory"}),
    ],
)
def test_a_figure_beyond_its_limit_is_named(change: dict[str, Any], beyond: set[str]) -> None:
    missed = {name for name, row in rows(replace(GOOD, **change)).items() if row.within is False}
    assert missed == beyond


def test_one_slow_round_of_three_does_not_count() -> None:
    medians = rows(GOOD, replace(GOOD, same=30.0, builds=500.0), GOOD)
    assert not [row for row in medians.values() if row.within is False]
    assert medians["… of a plain loop of sbuild"].measured == "0.39"
    assert medians["… of the least that 2 cores can need"].measured == "0.77"


def test_the_table_says_what_is_kept_and_what_is_missed() -> None:
    text = as_text(list(rows(replace(GOOD, cold=1000.0)).values()))

    assert re.search(r"(?m)^peak memory +99 MB +100 MB +kept$", text)
    assert re.search(r"(?m)^cold run +1000 s +480 s +MISSED$", text)
