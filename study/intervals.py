"""Confidence intervals of a rate: Clopper and Pearson's, which hold for every sample size."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta

LEVEL = 0.95


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
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.isf(tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return Rate(hits, trials, low, high)


def upper_bound(trials: int, level: float = LEVEL) -> float:
    """The one-sided bound of a rate that was never seen; near 3/n at 95 % (the rule of three)."""
    return float(beta.ppf(level, 1, trials)) if trials > 0 else 1.0
