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
    first=50 * 1024,
    kinds={"build": 100.0, "test": 300.0},
    path=248.0,
    installs=(4.0, 50.0),
    start=0.2,
)


def rows(*rounds: Round, rerun: str = "c d") -> dict[str, Row]:
    found = table(
        rounds, NEEDS, rerun=frozenset(rerun.split()), expected=frozenset({"c", "d"}), number=9
    )
    return {row.what: row for row in found}


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
    found = rows(replace(GOOD, **change))
    assert {name for name, row in found.items() if row.within is False} == beyond


def test_one_slow_round_of_three_does_not_count() -> None:
    found = rows(GOOD, replace(GOOD, same=30.0, builds=500.0), GOOD)
    assert not [row for row in found.values() if row.within is False]
    assert found["… of a plain loop of sbuild"].measured == "0.39"
    assert found["… by the plain loop's time"].measured == "2.58"
    assert found["… of the least that 2 cores can need"].measured == "0.77"


@pytest.mark.parametrize("rerun", ["a c d", "d"])
def test_a_step_that_need_not_run_again_or_did_not_is_beyond_the_limit(rerun: str) -> None:
    assert rows(GOOD, rerun=rerun)["steps after a change of one patch"].within is False


def test_the_table_says_what_is_kept_and_what_a_missed_limit_is_made_of() -> None:
    missed = replace(GOOD, cold=1000.0, idle=(0.3, 0.1), same=1.1, installs=(8.0, 50.0))
    text = as_text(list(rows(missed).values()))

    assert re.search(r"(?m)^peak memory +99 MB +100 MB +kept$", text)
    assert re.search(r"(?m)^cold run +1000 s +480 s +MISSED$", text)
    assert text.splitlines()[-3:] == [
        "cold run and core 0 idle: its work keeps 2 cores busy for 800 s, and its longest chain of "
        "steps takes 248 s; by kind: test 75%, build 25%.",
        "run with nothing changed and of the cold run: of 1.10 s the toolkit's start takes 0.20 s; "
        "the share grows as the cold run gets faster.",
        "installing, of that without layers: without layers the builds have 155 s of work and a "
        "longest chain of 55 s: 2 cores need 78 s, 0.50 of the loop; 50 s of the work install; 8 s "
        "with layers, for packages of the update.",
    ]
    assert len(as_text(list(rows(GOOD).values())).splitlines()) == 13
