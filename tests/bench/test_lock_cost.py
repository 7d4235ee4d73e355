from __future__ import annotations

from typing import Any

import pytest

from tests.bench.lock_cost import rows


def pair(wall: float, processor: float, unpatched: float = 1.0) -> dict[str, dict[str, float]]:
    return {
        "unpatched": {"wall": unpatched, "processor": 1.0},
        "patched": {"wall": wall * unpatched, "processor": processor},
    }


GOOD: dict[str, Any] = {
    # A ratio is taken within a pair.
    "pairs": [pair(0.99, 1.0), pair(1.0, 1.01, unpatched=10.0), pair(1.01, 1.02)],
    "takeovers": [0.02, 0.05, 0.09],
    "waiting": {"processes": 20, "share": 0.011, "seconds": 20.0},
    "load": [0.3, 0.2, 0.1],
}


@pytest.mark.parametrize(
    ("change", "beyond"),
    [
        ({}, []),
        ({"pairs": [pair(1.0, 1.0), pair(1.03, 1.0), pair(1.04, 1.0)]}, [0]),
        ({"pairs": [pair(1.0, 1.0), pair(1.0, 1.03), pair(1.0, 1.04)]}, [1]),
        # One slow takeover is one that a user waits for.
        ({"takeovers": [0.01, 0.01, 0.11]}, [2]),
        ({"waiting": {**GOOD["waiting"], "share": 0.02}}, [3]),
    ],
)
def test_a_figure_beyond_its_limit_is_named(change: dict[str, Any], beyond: list[int]) -> None:
    found = rows({**GOOD, **change})
    assert len(found) == 4
    assert [number for number, row in enumerate(found) if row.within is False] == beyond
    assert all("ten times a second" in row.made_of for row in found[2:])


def test_the_median_is_shown_with_the_half_of_the_pairs_around_it() -> None:
    assert rows(GOOD)[0].measured == "1.000 (half of 3 pairs: 0.995 to 1.005)"
