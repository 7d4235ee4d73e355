"""Confidence intervals of a rate: Clopper and Pearson's, which hold for every sample size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LEVEL = 0.95
_STEPS = 200
_TINY = 1e-300


@dataclass(frozen=True)
class Rate:
    """`hits` out of `trials`, with the two-sided exact interval from `low` to `high`."""

    hits: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share; 0 where nothing was tried."""
        return self.hits / self.trials if self.trials else 0.0

    def holds(self, probability: float) -> bool:
        """Whether a probability lies in the interval."""
        return self.low <= probability <= self.high


def rate(hits: int, trials: int, level: float = LEVEL) -> Rate:
    """The rate with its interval (Clopper and Pearson 1934: binomial tails, nothing approximated).

    Parameters:
        hits: how often it was seen, from 0 to `trials`.
        level: the probability that the interval covers the true rate, at least.

    Raises:
        ValueError: `hits` is not from 0 to `trials`.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits in {trials} trials")
    tail = (1 - level) / 2
    low, high = 0.0, 1.0
    if hits > 0:
        low = _solve(lambda p: _beta(hits, trials - hits + 1, p), tail)
    if hits < trials:
        high = _solve(lambda p: _beta(hits + 1, trials - hits, p), 1 - tail)
    return Rate(hits, trials, low, high)


def upper_bound(trials: int, level: float = LEVEL) -> float:
    """The one-sided bound of a rate that was never seen; near 3/n at 95 % (the rule of three)."""
    return 1.0 if trials <= 0 else 1.0 - float((1.0 - level) ** (1.0 / trials))


def _solve(function: Callable[[float], float], wanted: float) -> float:
    """Where a rising function of a probability takes a value, by halving."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if function(middle) < wanted:
            low = middle
        else:
            high = middle
        if high - low <= 1e-15 * high:
            break
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta(b, a, 1 - x)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logs + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 10 * _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = result
        for part in (even, odd):
            d = 1.0 / _away(1.0 + part * d)
            c = _away(1.0 + part / c)
            result *= c * d
        if abs(result - before) < 1e-15 * abs(result):
            break
    return front * result


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
