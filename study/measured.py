"""What `race-measure` measured in a testbed, read from its artifacts in the work folder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backport.errors import InputError
from study.intervals import Rate, rate

ARTIFACT = "race.json"
FULL = "full"  # certbot's sleeps, where they are not shortened
_ADVICE = "run: backport test --long --matrix study/matrix.toml --test race-measure"
OUTCOMES = ("fine", "error", "inconsistent", "mismatch")


@dataclass(frozen=True)
class Measured:
    """One measurement: a variant of the packages on one kind of disk.

    Times in seconds. `lengths` and `windows` are (median, 5th and 95th percentile); `jitter` is
    the spread, 5th to 95th percentile, of the time from a run's start to its window. `outcomes`
    are those of the pairs whose runs overlapped, and `mail` how many of these had an error or
    output; `raced` are the outcomes of those whose windows overlapped. `curve` has, for each bin
    of the offset between the starts, the counts of the outcomes.
    """

    series: str
    variant: str
    disk: str
    emulated: str
    sleep: str
    seed: int
    lengths: tuple[float, float, float]
    windows: tuple[float, float, float]
    jitter: float
    pairs: int
    outcomes: Mapping[str, Rate]
    mail: Rate
    raced: Mapping[str, Rate]
    curve: tuple[tuple[float, float, Mapping[str, int]], ...]
    pairs_an_hour: float
    shortcuts: tuple[str, ...] = ()

    @property
    def fine(self) -> tuple[Rate, ...]:
        """Of each bin of the curve, how many pairs ended well, with the interval."""
        return tuple(rate(counts["fine"], sum(counts.values())) for _, _, counts in self.curve)

    @property
    def overlapping(self) -> int:
        """How many pairs overlapped."""
        return next(iter(self.outcomes.values())).trials


def load(work: Path) -> tuple[Measured, ...]:
    """All measurements below a work folder, by series, variant and disk.

    Raises:
        InputError: an artifact is not as it has to be.
    """
    found = []
    for path in sorted(work.glob(f"test/*/*/artifacts/{ARTIFACT}")):
        found += list(read(path, series=path.parts[-4]))
    return tuple(found)


def read(path: Path, *, series: str = "") -> Iterable[Measured]:
    """Read one artifact.

    Raises:
        InputError: it is not as it has to be, or the test was broken.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("outcome") == "broken":
            raise InputError(
                f"the measurement was broken: {data.get('error', 'no reason is given')}",
                where=str(path),
                advice=_ADVICE,
            )
        return [_one(one, data, series) for one in data["measurements"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            f"the measurement cannot be read: {type(error).__name__} {error}",
            where=str(path),
            advice=_ADVICE,
        ) from error


def percentiles(values: Iterable[float]) -> tuple[float, float, float]:
    """The median, and the 5th and 95th percentile, of at least one value; each is one of them."""
    middle, low, high = np.percentile(list(values), (50, 5, 95), method="inverted_cdf")
    return float(middle), float(low), float(high)


def _one(one: dict[str, Any], data: dict[str, Any], series: str) -> Measured:
    pairs, aimed = one["pairs"], one["aimed"]
    overlapping = [pair for pair in pairs if pair["overlapped"]]
    raced = [pair for pair in (*pairs, *aimed) if pair["raced"]]
    before = percentiles(one["before_window"])
    return Measured(
        series,
        str(data["variant"]),
        str(one["disk"]),
        str(one["emulated"]),
        str(one["sleep"]),
        int(data["seed"]),
        percentiles(one["lengths"]),
        percentiles(one["windows"]),
        before[2] - before[1],
        len(pairs) + len(aimed),
        _rates(overlapping),
        rate(sum(1 for pair in overlapping if pair["mail"]), len(overlapping)),
        _rates(raced),
        _curve(pairs, float(one["bin_seconds"])),
        float(one["pairs_an_hour"]),
        tuple(map(str, one.get("shortcuts", ()))),
    )


def _rates(pairs: list[dict[str, Any]]) -> dict[str, Rate]:
    return {
        name: rate(sum(1 for pair in pairs if pair["outcome"] == name), len(pairs))
        for name in OUTCOMES
    }


def _curve(
    pairs: list[dict[str, Any]], width: float
) -> tuple[tuple[float, float, Mapping[str, int]], ...]:
    bins: dict[int, dict[str, int]] = {}
    for pair in pairs:
        counts = bins.setdefault(math.floor(pair["offset"] / width), dict.fromkeys(OUTCOMES, 0))
        counts[pair["outcome"]] += 1
    return tuple((index * width, (index + 1) * width, bins[index]) for index in sorted(bins))
