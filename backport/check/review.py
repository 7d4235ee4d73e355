"""Whether a reviewer has more to read than the recipe's table ``[review]`` allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from backport.check import finding
from backport.check.finding import Finding
from backport.engine.step import StepId
from backport.recipe.model import Review
from backport.source import weight
from backport.source.weight import Weight

_ADVICE = "make it smaller, or raise the limit with a reason that the reviewer will take"


def check(limits: Review, needs: Mapping[StepId, Path]) -> tuple[Finding, ...]:
    """A warning for each part that is above its limit in one series.

    Parameters:
        needs: the folders of the source steps.

    Raises:
        InputError: a step's weight cannot be read.
    """
    weights = {need.source: weight.read(folder / weight.FILE) for need, folder in needs.items()}
    return tuple(
        finding.make("heavy-review", "warning", place, why, _ADVICE)
        for place, why in over(limits, weights)
    )


def over(limits: Review, weights: Mapping[str, Weight]) -> Iterator[tuple[str, str]]:
    """What is too heavy in a series: the source package, or all of them, and why.

    Parameters:
        weights: the weight of each source package in that series.
    """
    for source, one in weights.items():
        yield from ((source, why) for why in one.over(limits.source))
    every = weight.together(weights)
    yield from (("all source packages", why) for why in every.over(limits.all))
