import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.intervals import rate, upper_bound


@given(st.integers(1, 2000), st.data())
def test_the_interval_holds_the_share_and_lies_between_nothing_and_all(
    trials: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, trials))
    interval = rate(hits, trials)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_its_ends_are_where_the_binomial_tails_are_a_fortieth() -> None:
    # Clopper and Pearson's own definition, summed term by term.
    interval = rate(7, 40)

    def tail(p: float, hits: range) -> float:
        return math.fsum(math.comb(40, k) * p**k * (1 - p) ** (40 - k) for k in hits)

    assert tail(interval.low, range(7, 41)) == pytest.approx(0.025, rel=1e-9)
    assert tail(interval.high, range(8)) == pytest.approx(0.025, rel=1e-9)


def test_nothing_seen_in_n_trials_is_near_three_in_n() -> None:
    assert upper_bound(1000) == pytest.approx(3 / 1000, rel=0.01)
    assert upper_bound(0) == 1.0


def test_more_hits_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="3 hits in 2 trials"):
        rate(3, 2)
