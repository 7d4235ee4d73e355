"""The remedies that were discussed, and what the model says about each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from study.admins import Admins
from study.figures import average
from study.model import RENEWALS_A_YEAR, Odds, Renewal
from study.schedule import Schedule, cron_file, timer

_HALF_DAY = 43200


@dataclass(frozen=True)
class Remedy:
    """One way for the package to run, with or without the lock.

    `schedules` maps a distribution's name to the package's schedule, since the less common hours
    depend on it.
    """

    name: str
    title: str
    schedules: dict[str, Schedule]
    locked: bool = False


@dataclass(frozen=True)
class Share:
    """A share, or, with `bound`, what it is below at 95 %, because it was never seen."""

    value: float
    bound: bool = False

    def of(self, odds: float) -> Share:
        """The same share of some odds."""
        return Share(self.value * odds, self.bound)


@dataclass(frozen=True)
class Harm:
    """What follows from an overlap of two runs, and from one of their write windows.

    `mail` (an error or output, of which cron sends a mail) and `damage` (a lineage that is not
    whole, mismatches among them) are shares of the overlaps, `mismatch` (a certificate with
    another one's key) of the write races. With the lock all three are shares of the overlaps, and
    None where nothing bounds them.
    """

    mail: Share
    damage: Share
    mismatch: Share
    source: str
    locked_mail: Share | None = None
    locked_damage: Share | None = None
    locked_mismatch: Share | None = None


@dataclass(frozen=True)
class Row:
    """A remedy against one distribution of the other jobs' times: odds per renewal."""

    remedy: str
    title: str
    admins: str
    admins_title: str
    locked: bool
    collision: float
    write_race: float
    mail: Share | None
    damage: Share | None
    mismatch: Share | None

    def a_year(self, share: Share | None, lineages: int) -> Share | None:
        """Expected events per system with two jobs and year, for so many lineages."""
        return None if share is None else share.of(RENEWALS_A_YEAR * lineages)

    def fleet(self, share: Share | None, systems: int, part: float, lineages: int) -> Share | None:
        """Expected events a year in so many systems, of which a part has two jobs."""
        year = self.a_year(share, lineages)
        return None if year is None else year.of(systems * part)


def remedies(cron_text: str, timer_text: str, admins: Sequence[Admins]) -> tuple[Remedy, ...]:
    """The remedies, made from the package's own two files.

    Parameters:
        cron_text: the package's file for /etc/cron.d.
        timer_text: the package's timer unit.
    """
    today, hour = cron_file(cron_text), timer(timer_text)
    half_day = timer(_with_delay(timer_text, _HALF_DAY))
    bare = (
        Remedy("cron", "today's cron job", {one.name: today for one in admins}),
        Remedy("timer-hour", "timer over one hour", {one.name: hour for one in admins}),
        Remedy(
            "timer-any", "timer at two even-random hours", {one.name: half_day for one in admins}
        ),
        Remedy(
            "cron-rare",
            "cron job at the two rarest hours",
            {one.name: cron_file(_at_hours(cron_text, one.rarest_pair())) for one in admins},
        ),
    )
    locked = tuple(
        Remedy(f"{one.name}+lock", f"locking, {one.title}", one.schedules, locked=True)
        for one in bare
    )
    return (*bare, *locked)


def rows(
    found: Sequence[Remedy], admins: Sequence[Admins], renewal: Renewal, harm: Harm
) -> tuple[Row, ...]:
    """Every remedy against every distribution."""
    known: dict[tuple[str, str], Odds] = {}
    result = []
    for remedy in found:
        for one in admins:
            key = remedy.name.removesuffix("+lock"), one.name
            if key not in known:
                known[key] = average(remedy.schedules[one.name], one, renewal)
            odds = known[key]
            if remedy.locked:
                found_harm = [
                    share and share.of(odds.collision)
                    for share in (harm.locked_mail, harm.locked_damage, harm.locked_mismatch)
                ]
            else:
                found_harm = [
                    harm.mail.of(odds.collision),
                    harm.damage.of(odds.collision),
                    harm.mismatch.of(odds.write_race),
                ]
            head = (remedy.name, remedy.title, one.name, one.title, remedy.locked)
            result.append(Row(*head, odds.collision, odds.write_race, *found_harm))
    return tuple(result)


def _with_delay(text: str, seconds: int) -> str:
    return re.sub(r"(?m)^RandomizedDelaySec=.*$", f"RandomizedDelaySec={seconds}", text)


def _at_hours(text: str, hours: tuple[int, int]) -> str:
    """The cron file with other hours in its job."""
    return re.sub(r"(?m)^(\d+\s+)\S+(\s+\*\s+\*\s+\*\s)", rf"\g<1>{hours[0]},{hours[1]}\g<2>", text)
