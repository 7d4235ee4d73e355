from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.lock_cost import Cost, interval, read, rows

GOOD = Cost(
    wall=(0.99, 1.0, 1.01),
    processor=(1.0, 1.01, 1.02),
    takeovers=(0.02, 0.05, 0.09),
    waiters=20,
    waiting=0.011,
    seconds=20.0,
    load=0.3,
)


def test_good_figures_are_within_their_limits() -> None:
    assert [row.within for row in rows(GOOD)] == [True] * 4


@pytest.mark.parametrize(
    ("change", "beyond"),
    [
        ({"wall": (1.0, 1.03, 1.04)}, [0]),
        ({"processor": (1.0, 1.03, 1.04)}, [1]),
        # One slow takeover is one that a user waits for.
        ({"takeovers": (0.01, 0.01, 0.11)}, [2]),
        ({"waiting": 0.02}, [3]),
    ],
)
def test_a_figure_beyond_its_limit_is_named(change: dict[str, object], beyond: list[int]) -> None:
    found = rows(replace(GOOD, **change))  # type: ignore[arg-type]
    assert [number for number, row in enumerate(found) if row.within is False] == beyond


def test_ratios_are_taken_within_a_pair() -> None:
    def pair(unpatched: float, patched: float) -> dict[str, dict[str, float]]:
        return {
            "unpatched": {"wall": unpatched, "processor": 1.0},
            "patched": {"wall": patched, "processor": 1.0},
        }

    data = {
        "pairs": [pair(1.0, 2.0), pair(10.0, 5.0)],
        "takeovers": [0.1],
        "waiting": {"processes": 20, "share": 0.01, "seconds": 20.0},
        "load": [1.0, 2.0, 3.0],
    }
    assert read(data).wall == (2.0, 0.5)


def test_the_interval_of_a_median_leaves_out_as_many_as_it_may() -> None:
    # A table of the sign test: of 40 values, the 14th to the 27th hold the median with 96 %.
    values = [float(number) for number in range(1, 41)]
    assert interval(values) == (14.0, 27.0)
    assert interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert interval([1.0]) == (1.0, 1.0)
