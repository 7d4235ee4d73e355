"""How often two renewals meet: the closed form.

Two jobs on one system, both of which renew what is due. A lineage becomes due at an even moment
of the day; the first start after it renews. They *collide* when the other job starts before that
renewal has ended, and have a *write race* when their write windows, from the first to the last
write of a lineage, overlap.

The difference of two starts is a constant plus whole and smooth even draws, so that the
probability that it is below a limit is exact: for the smooth draws it is the distribution of a
sum of even variables (Irwin and Hall's, with unequal widths), summed over the whole ones. What
remains is one integral, the mean time since the last start before: a lineage that becomes due in
it is the one whose renewal collides.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from study.schedule import DAY, Schedule, Start

LIFETIME_DAYS = 90.0  # Let's Encrypt's certificates
BEFORE_DAYS = 30.0  # certbot 0.10.2 renews when fewer are left
RENEWALS_A_YEAR = 365.25 / (LIFETIME_DAYS - BEFORE_DAYS)
_PLACES = 24
_FINEST = 10**9  # of a second
# Gauss and Legendre's three places on (-1, 1), with their weights: exact up to degree five.
_GAUSS = tuple(zip(*np.polynomial.legendre.leggauss(3), strict=True))


@dataclass(frozen=True)
class Renewal:
    """What a renewal takes, in seconds.

    `length` is the time from the start of a run to the end of a lineage's renewal, `window` the
    time from its first to its last write; where the window lies in a run varies evenly by
    `jitter`. A run renews `lineages` lineages one after the other, all due at once.
    """

    length: float
    window: float
    jitter: float = 0.0
    lineages: int = 1


@dataclass(frozen=True)
class Odds:
    """Probabilities per renewal of a lineage on a system with two jobs."""

    collision: float
    write_race: float


@dataclass(frozen=True)
class Difference:
    """Start of the second job minus start of the first, in seconds.

    `constant` plus a sum of even draws: a whole number with the weight that `whole` has at that
    index, and from 0 to W for each W in `smooth`.
    """

    constant: float
    whole: tuple[float, ...]
    smooth: tuple[float, ...]

    def within(self, low: float, high: float) -> float:
        """The probability that it lies from `low` to below `high`."""
        low, high = low - self.constant, high - self.constant
        first = max(0, math.floor(low - sum(self.smooth)) - 1)
        last = min(len(self.whole), math.ceil(high) + 1)
        total = math.fsum(
            self.whole[number]
            * float(
                _irwin_hall(high - number, self.smooth) - _irwin_hall(low - number, self.smooth)
            )
            for number in range(first, last)
        )
        return max(0.0, total)


def odds(package: Schedule, admin: Schedule, renewal: Renewal) -> Odds:
    """The odds for two jobs.

    The first start after a lineage is due renews it; each pair of starts counts with the share of
    the day in which a lineage becomes due that this pair is the first to see.
    """
    collision = race = 0.0
    for mine, theirs in itertools.product(package.starts, admin.starts):
        for days in (-1, 0, 1):
            difference = _difference(mine, theirs, days * DAY)
            long = renewal.lineages * renewal.length
            meets = difference.within(-long, long)
            if meets <= 0:
                continue
            share = _mean_gap(mine, theirs, days, package, admin) / DAY
            collision += meets * share
            race += _race(_jittered(difference, renewal.jitter), renewal) * share
    return Odds(min(1.0, collision), min(1.0, race))


def _race(difference: Difference, renewal: Renewal) -> float:
    """The windows of any lineage overlap.

    A run that comes a multiple of a renewal's length later finds the first lineages done and
    catches up with the other run there.
    """
    total = difference.within(-renewal.window, renewal.window)
    for number in range(1, renewal.lineages):
        from_, to = number * renewal.length, number * renewal.length + renewal.window
        total += difference.within(from_, to) + difference.within(-to, -from_)
    return total


def _difference(first: Start, second: Start, shift: float) -> Difference:
    constant = second.second - first.second + shift
    constant -= sum(n - 1 for n in first.whole) + sum(first.smooth)
    # An even draw that is subtracted is one that is added, less its largest value.
    return Difference(
        constant, _sum_of_whole((*first.whole, *second.whole)), (*first.smooth, *second.smooth)
    )


def _jittered(difference: Difference, jitter: float) -> Difference:
    if jitter <= 0:
        return difference
    return Difference(
        difference.constant - jitter, difference.whole, (*difference.smooth, jitter, jitter)
    )


@functools.lru_cache(maxsize=64)
def _sum_of_whole(ranges: tuple[int, ...]) -> tuple[float, ...]:
    """The weight of each sum of whole even draws, from 0 on."""
    draws = (np.full(size, 1 / size) for size in ranges)
    return tuple(functools.reduce(np.convolve, draws, np.ones(1)).tolist())


def _irwin_hall(x: float, widths: Sequence[float]) -> Fraction:
    """The distribution function of a sum of draws that are even from 0 to each width.

    In whole fractions: the terms are large and cancel, and a narrow window is what they leave.
    """
    if x <= 0:
        return Fraction(0)
    if x >= sum(widths):
        return Fraction(1)
    order = len(widths)
    exact, sides = _exact(x), [_exact(width) for width in widths]
    total = Fraction(0)
    for chosen in itertools.product((0, 1), repeat=order):
        rest = exact - sum((w for w, one in zip(sides, chosen, strict=True) if one), Fraction(0))
        if rest > 0:
            total += (-1) ** sum(chosen) * rest**order
    return total / (math.factorial(order) * math.prod(sides, start=Fraction(1)))


def _exact(value: float) -> Fraction:
    return Fraction(value).limit_denominator(_FINEST)


def _mean_gap(mine: Start, theirs: Start, days: int, package: Schedule, admin: Schedule) -> float:
    """The mean time, in seconds, from the last start before a colliding pair to that pair."""
    low = max(mine.second, theirs.second + days * DAY)
    high = min(mine.second + mine.spread, theirs.second + days * DAY + theirs.spread)
    others = [
        (one, day)
        for schedule, pair, pair_day in ((package, mine, 0), (admin, theirs, days))
        for one in schedule.starts
        for day in (-2, -1, 0, 1)
        if not (one is pair and day == pair_day)
    ]
    if high <= low:  # the pair meets at the edge of both spreads
        return _gap_at((low + high) / 2, others)
    places = [low + (high - low) * (index + 0.5) / _PLACES for index in range(_PLACES)]
    return math.fsum(_gap_at(place, others) for place in places) / len(places)


def _gap_at(moment: float, others: Sequence[tuple[Start, int]]) -> float:
    """The mean time since the last of the other starts before a moment.

    It is the integral, over the time that has gone by, of the probability that nothing started
    in it. Between the edges of the spreads that is a polynomial of a low degree.
    """
    ages = [(moment - one.second - day * DAY, one.spread) for one, day in others]
    limit = min((age for age, spread in ages if age > 0 and age >= spread), default=float(DAY))
    near = [
        (max(0.0, age - spread), min(age, limit), spread)
        for age, spread in ages
        if age > 0 and spread > 0 and age - spread < limit
    ]
    edges = sorted(
        {0.0, limit, *(end for youngest, oldest, _ in near for end in (youngest, oldest))}
    )
    total = []
    for start, end in itertools.pairwise(edges):
        for place, weight in _GAUSS:
            ago = start + (end - start) * (1 + place) / 2
            silent = 1.0
            for youngest, oldest, spread in near:
                silent *= 1.0 - max(0.0, min(ago, oldest) - youngest) / spread
            total.append((end - start) * weight / 2 * silent)
    return math.fsum(total)
