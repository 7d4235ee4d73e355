"""The same question answered by playing it: draws from a seed, runs that renew, no formula.

It shares nothing with the closed form but the schedules, so that each checks the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from study.intervals import Rate, rate
from study.model import Renewal
from study.schedule import DAY, Schedule

_DAYS_BEFORE, _DAYS_AFTER = 2, 2


@dataclass(frozen=True)
class Played:
    """What was seen: of all renewals, how many collided, and how many had a write race."""

    seed: int
    collision: Rate
    write_race: Rate


def play(
    package: Schedule,
    admins: Sequence[tuple[float, Schedule]],
    renewal: Renewal,
    *,
    trials: int,
    seed: int,
) -> Played:
    """Play so many renewals, each on a system of its own.

    Parameters:
        admins: the other job's schedules with their weights; each system draws one.
    """
    draw = random.Random(seed)
    weights = [weight for weight, _ in admins]
    schedules = [schedule for _, schedule in admins]
    collisions = races = 0
    for _ in range(trials):
        (admin,) = draw.choices(schedules, weights)
        met, raced = _one(package, admin, renewal, draw)
        collisions += met
        races += raced
    return Played(seed, rate(collisions, trials), rate(races, trials))


def _one(
    package: Schedule, admin: Schedule, renewal: Renewal, draw: random.Random
) -> tuple[bool, bool]:
    due = draw.uniform(0, DAY)
    mine, theirs = sorted(_starts(package, draw)), sorted(_starts(admin, draw))
    first = min(_first_after(mine, due), _first_after(theirs, due))
    other = theirs if first in mine else mine
    behind = _first_after(other, first) - first
    if behind >= renewal.lineages * renewal.length:
        return False, False
    return True, _windows_meet(behind, renewal, draw)


def _starts(schedule: Schedule, draw: random.Random) -> Iterable[float]:
    for day in range(-_DAYS_BEFORE, _DAYS_AFTER + 1):
        for start in schedule.starts:
            yield (
                day * DAY
                + start.second
                + sum(draw.randrange(size) for size in start.whole)
                + sum(draw.uniform(0, width) for width in start.smooth)
            )


def _first_after(starts: Sequence[float], moment: float) -> float:
    return next((one for one in starts if one >= moment), float("inf"))


def _windows_meet(behind: float, renewal: Renewal, draw: random.Random) -> bool:
    """Run both through their lineages, one after the other, and look at their windows.

    The run that is behind finds a lineage done whose window has passed, and takes the next one.
    """
    lead = draw.uniform(0, renewal.jitter)
    follow = draw.uniform(0, renewal.jitter)
    number = 0
    while behind >= (number + 1) * renewal.length:
        number += 1
    apart = behind - number * renewal.length + follow - lead
    return abs(apart) < renewal.window
