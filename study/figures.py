"""Upstream's five figures, and what they imply.

The mail on LP: #1640978 that they come from gives no length of a renewal and no width of the
window. Both are worked out of one figure each; the others then are a check of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scipy.optimize import brentq

from study.admins import Admins
from study.model import Odds, Renewal, odds
from study.schedule import Schedule, Start, shifted

LENGTH_SECONDS = 9.0
WINDOW_SECONDS = 0.05
# The minute of the other job in the mail is not said; see `reproduce`.
_INSIDE_THE_HOUR = 1800.0
_HOUR = 3600.0
COLLISION_SAME, COLLISION_UNIFORM = 200.0, 5000.0
RACE_SAME, RACE_UNIFORM = 36_000.0, 864_000.0
MISMATCH_LOW, MISMATCH_HIGH = 0.75, 0.80
TOLERABLE = 1e-6
# cert, privkey and fullchain differ between two renewals; the chain is the same.
_FILES_THAT_DIFFER = 3


@dataclass(frozen=True)
class Figure:
    """One of upstream's figures beside the model's; for odds the N of "1 in N"."""

    what: str
    upstream: float
    model: float
    reproduced: bool
    remark: str


@dataclass(frozen=True)
class Reproduction:
    """All figures, and the sentences about what they imply."""

    figures: tuple[Figure, ...]
    implied: tuple[str, ...]


def package_schedule() -> Schedule:
    """The mail's package job: at an even moment of the hour after midnight and noon."""
    starts = tuple(Start(hour * 3600.0, (), (3600.0,)) for hour in (0, 12))
    return Schedule("upstream's mail", "an even moment of the hours 0 and 12", starts)


def average(package: Schedule, admins: Admins, renewal: Renewal) -> Odds:
    """The odds averaged over a distribution of the other job's times."""
    total = math.fsum(weight for weight, _ in admins.schedules)
    each = [(weight / total, odds(package, one, renewal)) for weight, one in admins.schedules]
    return Odds(
        math.fsum(weight * one.collision for weight, one in each),
        math.fsum(weight * one.write_race for weight, one in each),
    )


def coin_flips(files: int = _FILES_THAT_DIFFER) -> float:
    """The share of races that end in a mixture, if each file is won by either run evenly."""
    return 1.0 - 2.0 * 0.5**files


def one_digit(value: float) -> float:
    """A number rounded to one significant digit, halves upward."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    digit = math.floor(value / power + 0.5 + 1e-9)
    return float(f"{digit * power:.6g}")


def reproduce(same: Admins, uniform: Admins) -> Reproduction:
    """Compare the model with the five figures, for the mail's two kinds of administrators.

    Their jobs are taken at a minute inside the hour. On the hour itself only half of the
    collisions of that hour remain, and the end of the hour before adds as many: the factor between
    the two kinds would be about 12.
    """
    package = package_schedule()
    renewal = Renewal(LENGTH_SECONDS, WINDOW_SECONDS)
    on_the_hour = [average(package, one, renewal).collision for one in (same, uniform)]
    same, uniform = _inside(same), _inside(uniform)
    at_same, at_uniform = average(package, same, renewal), average(package, uniform, renewal)
    figures = (
        _figure("collision, same hours", COLLISION_SAME, 1 / at_same.collision),
        _figure("collision, even hours", COLLISION_UNIFORM, 1 / at_uniform.collision),
        _figure("write race, same hours", RACE_SAME, 1 / at_same.write_race),
        _figure("write race, even hours", RACE_UNIFORM, 1 / at_uniform.write_race),
        Figure(
            "mismatch in a write race",
            MISMATCH_LOW,
            coin_flips(),
            one_digit(coin_flips()) in (one_digit(MISMATCH_LOW), one_digit(MISMATCH_HIGH)),
            f"upstream says {MISMATCH_LOW:.0%} to {MISMATCH_HIGH:.0%}; the model is a coin for "
            "each of cert, privkey and fullchain, which is a conjecture: see what was measured",
        ),
    )
    return Reproduction(
        figures, _implied(package, same, uniform, (at_same, at_uniform), on_the_hour)
    )


def _figure(what: str, upstream: float, model: float) -> Figure:
    agrees = one_digit(upstream) == one_digit(model)
    return Figure(
        what,
        upstream,
        model,
        agrees,
        f"the model has {model / upstream:.3f} times the N; to one digit "
        f"1 in {one_digit(model):,.0f} and 1 in {one_digit(upstream):,.0f}",
    )


def _inside(admins: Admins) -> Admins:
    moved = tuple((weight, shifted(one, _INSIDE_THE_HOUR)) for weight, one in admins.schedules)
    return replace(admins, schedules=moved)


def _implied(
    package: Schedule,
    same: Admins,
    uniform: Admins,
    found: tuple[Odds, Odds],
    on_the_hour: Sequence[float],
) -> tuple[str, ...]:
    at_same, at_uniform = found

    def length_odds(admins: Admins) -> Callable[[float], float]:
        return lambda seconds: average(package, admins, Renewal(seconds, 0.0)).collision

    def window_odds(admins: Admins) -> Callable[[float], float]:
        return lambda seconds: average(package, admins, Renewal(60.0, seconds)).write_race

    lengths = (
        _range(length_odds(same), COLLISION_SAME), _range(length_odds(uniform), COLLISION_UNIFORM)
    )  # fmt: skip
    windows = (_range(window_odds(same), RACE_SAME), _range(window_odds(uniform), RACE_UNIFORM))
    factor = at_same.collision / at_uniform.collision
    return (
        f"Length of a renewal: {_solve(length_odds(same), 1 / COLLISION_SAME):.1f} s gives 1 in "
        f"200 exactly; to one digit both collision figures hold from "
        f"{max(low for low, _ in lengths):.1f} to {min(high for _, high in lengths):.1f} s, and "
        f"{LENGTH_SECONDS:g} s is used here.",
        f"Width of the write window: {_solve(window_odds(same), 1 / RACE_SAME):.3f} s gives 1 in "
        f"36,000 exactly; to one digit both figures hold from "
        f"{max(low for low, _ in windows):.3f} to {min(high for _, high in windows):.3f} s, and "
        f"{WINDOW_SECONDS:g} s is used here. That is {LENGTH_SECONDS / WINDOW_SECONDS:.0f} times "
        "less than the length, as 36,000 is 180 times 200.",
        f"200 to 5,000 is a factor of {COLLISION_UNIFORM / COLLISION_SAME:.0f}, 36,000 to 864,000 "
        f"one of {RACE_UNIFORM / RACE_SAME:.0f}. The model has {factor:.2f} for both: one run a "
        "day at an even hour meets one of the package's two hours in 1 of 12, and there only the "
        "renewals that fell due in the half day before. 200 times 24 is 4,800, which upstream "
        "rounded to 5,000.",
        f"{1 - at_same.collision * 1800 / LENGTH_SECONDS:.1%} of the renewals at the same hours "
        "are not exposed, because they fall due between the two runs of one hour; the figures of "
        "upstream leave that out.",
        "All this is for another job whose minute lies inside the hour. On the hour it meets the "
        "package's job of that hour from one side only, and the end of the hour before as well: "
        f"1 in {1 / on_the_hour[0]:,.0f} and 1 in {1 / on_the_hour[1]:,.0f}, a factor of "
        f"{on_the_hour[0] / on_the_hour[1]:.1f}, which is not upstream's.",
    )


def _range(function: Callable[[float], float], figure: float) -> tuple[float, float]:
    """The seconds for which the odds are the figure's to one significant digit."""
    power = 10.0 ** math.floor(math.log10(figure))
    digit = one_digit(figure) / power
    low, high = (digit - 0.5) * power, (digit + 0.5) * power
    if digit == 1:
        low = 0.95 * power
    return _solve(function, 1 / high), _solve(function, 1 / low)


def _solve(function: Callable[[float], float], wanted: float) -> float:
    """The seconds at which rising odds take a value; an hour where they do not within it."""
    if function(_HOUR) <= wanted:
        return _HOUR
    return float(brentq(lambda seconds: function(seconds) - wanted, 0.0, _HOUR))


def lines(reproduction: Reproduction) -> Sequence[str]:
    """The reproduction for people."""
    told = []
    for one in reproduction.figures:
        if one.upstream > 1:
            numbers = f"upstream 1 in {one.upstream:,.0f}, model 1 in {one.model:,.0f}"
        else:
            numbers = f"upstream {MISMATCH_LOW:.0%} to {MISMATCH_HIGH:.0%}, model {one.model:.1%}"
        mark = "reproduced" if one.reproduced else "NOT reproduced"
        told.append(f"{one.what}: {numbers}: {mark} ({one.remark}).")
    return [*told, *reproduction.implied]
