"""What is taken for a whole measurement."""

from typing import Any

import pytest

from study.tests.support import library

race_test: Any = library("race_test")


def measurement(done: int, planned: int, *, late: int = 0) -> dict[str, Any]:
    pairs = [{"timed_out": number < late} for number in range(done)]
    return {"disk": "slow disk", "sleep": "full", "planned": planned, "seconds": 90.0,
            "pairs": pairs[::2], "aimed": pairs[1::2]}  # fmt: skip


def test_a_measurement_with_all_its_pairs_is_whole() -> None:
    assert race_test.shortfalls([measurement(7, 7), measurement(0, 0)]) == []


@pytest.mark.parametrize(
    ("cut", "sentence"),
    [
        (measurement(6, 7), "slow disk, sleep full: only 6 of 7 pairs were run within 90 s"),
        (measurement(7, 7, late=2), "slow disk, sleep full: 2 of 7 pairs had not ended in time"),
    ],
)
def test_a_pair_that_is_left_out_or_cut_off_is_told(cut: dict[str, Any], sentence: str) -> None:
    (shortfall,) = race_test.shortfalls([measurement(7, 7), cut])
    assert shortfall.startswith(sentence)
