from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.autopkgtest.support import library

statistics = library("schedule_statistics")
DAY = 86400


def even(count: int) -> list[float]:
    return [(number + 0.5) * DAY / count for number in range(count)]


def test_even_moments_are_probable_and_crowded_ones_are_not() -> None:
    crowded = [moment / 24 for moment in even(1000)] + [
        43200 + moment / 24 for moment in even(1000)
    ]
    assert statistics.summary(even(2000))["ks_p"] > 0.99
    assert statistics.summary(crowded)["ks_p"] < 1e-100


def test_the_critical_distances_are_those_of_the_tables() -> None:
    # Kolmogorov-Smirnov, one sample, two-sided: n = 100 and the usual levels.
    for distance, level in ((0.1207, 0.10), (0.1340, 0.05), (0.1608, 0.01)):
        assert abs(statistics.probability(distance, 100) - level) < 0.1 * level


def test_the_distance_of_one_moment_is_its_longer_side() -> None:
    assert statistics.deviation([DAY * 0.25]) == 0.75


@given(st.lists(st.integers(0, DAY - 1), min_size=1, max_size=200))
def test_the_summary_counts_every_moment_once(moments: list[int]) -> None:
    result = statistics.summary(moments)
    assert sum(result["hours"]) == result["moments"] == len(moments)
    assert 0.0 <= result["ks_p"] <= 1.0
    assert 0.5 / len(moments) <= result["ks_d"] + 1e-6


@given(st.lists(st.integers(0, DAY - 1), min_size=30, max_size=60), st.floats(0.05, 0.9))
def test_a_larger_distance_is_never_more_probable(moments: list[int], more: float) -> None:
    distance = statistics.deviation(moments)
    count = len(moments)
    wider = min(1.0, distance + more)
    assert statistics.probability(wider, count) <= statistics.probability(distance, count)
