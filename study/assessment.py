"""The whole answer: figures, remedies, measurements and checks, for one set of assumptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from study import figures, remedies, simulate
from study.admins import Admins
from study.figures import Reproduction
from study.intervals import Rate, rate, upper_bound
from study.measured import FULL, Measured
from study.model import Renewal
from study.remedies import Harm, Remedy, Row, Share
from study.simulate import Played

# The closed form is checked where events are frequent enough to be counted: it is the same
# formula at every length.
_CHECKED = Renewal(length=600.0, window=120.0, jitter=45.0, lineages=2)
_HARM = ("mail", "damage", "mismatch")
_ASSUMED = Harm(
    Share(1.0),
    Share(1.0),
    Share(figures.coin_flips()),
    "assumed: every overlap is an error and damage, and files are won by the throw of a coin",
)


@dataclass(frozen=True)
class Check:
    """The simulation beside the closed form, for one remedy and one distribution."""

    remedy: str
    admins: str
    collision: float
    write_race: float
    played: Played

    @property
    def agrees(self) -> bool:
        """Both probabilities lie in their intervals."""
        return self.played.collision.holds(self.collision) and self.played.write_race.holds(
            self.write_race
        )


@dataclass(frozen=True)
class Case:
    """One set of lengths with its table."""

    name: str
    renewal: Renewal
    harm: Harm
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Fleet:
    """So many systems, of which a share runs two jobs."""

    systems: int
    share: float


@dataclass(frozen=True)
class Assessment:
    """Everything that `python -m study risk` prints and writes."""

    reproduction: Reproduction
    cases: tuple[Case, ...]
    checks: tuple[Check, ...]
    measured: tuple[Measured, ...]
    admins: tuple[Admins, ...]
    fleet: Fleet
    seed: int

    @property
    def sound(self) -> bool:
        """The five figures are reproduced, and the simulation agrees with the closed form.

        An interval of 95 % misses the truth once in twenty: one check in ten may.
        """
        missed = sum(1 for check in self.checks if not check.agrees)
        return missed <= max(1, len(self.checks) // 10) and all(
            figure.reproduced for figure in self.reproduction.figures
        )


def assess(
    found: Sequence[Remedy],
    admins: Sequence[Admins],
    measured: Sequence[Measured],
    *,
    fleet: Fleet,
    lineages: int,
    given: Renewal | None,
    trials: int,
    seed: int,
    locked_trials: int = 0,
) -> Assessment:
    """Put all together.

    Parameters:
        given: lengths from the command line; without them those implied by upstream's figures,
            and each measured one.
        trials: simulated renewals per check; 0 leaves the checks out.
        locked_trials: trials of a field test on patched packages that all went well.
    """
    by_name = {one.name: one for one in admins}
    reproduction = figures.reproduce(by_name["same"], by_name["uniform"])
    cases = [
        Case(name, renewal, harm, remedies.rows(found, admins, renewal, harm))
        for name, renewal, harm in _cases(measured, given, lineages, locked_trials)
    ]
    checks = [
        _check(remedy, one, trials, seed + number)
        for number, (remedy, one) in enumerate(
            (remedy, one) for remedy in found if not remedy.locked for one in admins
        )
        if trials
    ]
    return Assessment(
        reproduction, tuple(cases), tuple(checks), tuple(measured), tuple(admins), fleet, seed
    )


def _cases(
    measured: Sequence[Measured], given: Renewal | None, lineages: int, locked_trials: int
) -> list[tuple[str, Renewal, Harm]]:
    """The sets of lengths, with the harm that was measured on the same kind of disk."""
    if given is not None:
        return [("as given", given, _with_bound(_ASSUMED, locked_trials))]
    implied = Renewal(figures.LENGTH_SECONDS, figures.WINDOW_SECONDS, 1.0, lineages)
    cases = [("implied by upstream's figures", implied, _with_bound(_ASSUMED, locked_trials))]
    for disk in dict.fromkeys(one.disk for one in measured):
        bare = [one for one in measured if one.disk == disk and one.variant == "unpatched"]
        locked = [one for one in measured if one.disk == disk and one.variant == "patched"]
        if any(one.overlapping for one in bare):
            real = _as_they_sleep(bare)[0]
            jitter = max(one.jitter for one in bare)
            renewal = Renewal(real.lengths[0], real.windows[0], jitter, lineages)
            harm = _with_bound(_measured_harm(bare, locked), locked_trials)
            cases.append((f"measured, {disk}", renewal, harm))
    return cases


def _measured_harm(bare: Sequence[Measured], locked: Sequence[Measured]) -> Harm:
    """The harm of one kind of disk; of overlaps only pairs with full sleeps, where there are any.

    Shortened sleeps change which parts of two runs overlap, but not what a write race does.
    """
    overlaps = _as_they_sleep(bare)
    mail = _sum(one.mail for one in overlaps)
    damage = _sum(one.outcomes[name] for one in overlaps for name in ("inconsistent", "mismatch"))
    damage = rate(damage.hits, mail.trials)
    mismatch = _sum(one.raced["mismatch"] for one in bare)
    source = (
        f"of {mail.trials} overlapping pairs (sleep {overlaps[0].sleep}) {mail.hits} with a cron "
        f"mail and {damage.hits} with a damaged lineage; of {mismatch.trials} write races "
        f"{mismatch.hits} with a mismatch"
    )
    if overlaps[0].sleep != FULL:
        source += (
            "; shortened runs that overlap meet in the write more often than real ones, so the "
            "first two are too high"
        )
    if not any(one.overlapping for one in locked):
        return Harm(_share(mail), _share(damage), _share(mismatch), source)
    # With the lock all count: the shortened ones meet in the write more often, and none may fail.
    seen = _sum(one.mail for one in locked)
    broken = [
        _sum(one.outcomes[name] for one in locked).hits for name in ("inconsistent", "mismatch")
    ]
    source += (
        f"; with the lock, of {seen.trials} overlapping pairs {seen.hits} with a cron mail and "
        f"{sum(broken)} with a damaged lineage"
    )
    return Harm(
        _share(mail),
        _share(damage),
        _share(mismatch),
        source,
        _share(seen),
        _share(rate(sum(broken), seen.trials)),
        _share(rate(broken[1], seen.trials)),
    )


def _as_they_sleep(found: Sequence[Measured]) -> Sequence[Measured]:
    """The measurements with full sleeps; where there are none, those that there are."""
    overlapping = [one for one in found if one.overlapping]
    return [one for one in overlapping if one.sleep == FULL] or overlapping


def _sum(rates: Iterable[Rate]) -> Rate:
    known = list(rates)
    return rate(sum(one.hits for one in known), sum(one.trials for one in known))


def _share(seen: Rate) -> Share:
    """What was seen, or below what it is, if it was not."""
    return Share(seen.value) if seen.hits else Share(upper_bound(seen.trials), bound=True)


def _with_bound(harm: Harm, locked_trials: int) -> Harm:
    """The harm with the bound of a field test in which all trials with the lock went well."""
    if not locked_trials:
        return harm
    bound = Share(upper_bound(locked_trials), bound=True)

    def better(known: Share | None) -> Share:
        return known if known and not (known.bound and known.value > bound.value) else bound

    return replace(
        harm,
        locked_mail=better(harm.locked_mail),
        locked_damage=better(harm.locked_damage),
        locked_mismatch=better(harm.locked_mismatch),
    )


def _check(remedy: Remedy, one: Admins, trials: int, seed: int) -> Check:
    odds = figures.average(remedy.schedules[one.name], one, _CHECKED)
    played = simulate.play(
        remedy.schedules[one.name], one.schedules, _CHECKED, trials=trials, seed=seed
    )
    return Check(remedy.name, one.name, odds.collision, odds.write_race, played)


def as_json(assessment: Assessment) -> dict[str, Any]:
    """Everything as plain data; odds per renewal, and per system with two jobs and year."""
    fleet = assessment.fleet
    return {
        "figures": [asdict(one) for one in assessment.reproduction.figures],
        "implied": list(assessment.reproduction.implied),
        "tolerable": figures.TOLERABLE,
        "fleet": asdict(fleet),
        "seed": assessment.seed,
        "sound": assessment.sound,
        "admins": [
            {"name": one.name, "title": one.title, "source": one.source, "hours": one.hours()}
            for one in assessment.admins
        ],
        "cases": [_case_json(case, fleet) for case in assessment.cases],
        "checks": [{**asdict(one), "agrees": one.agrees} for one in assessment.checks],
        "measured": [
            {
                **asdict(one),
                "overlapping": one.overlapping,
                "fine": [asdict(share) for share in one.fine],
            }
            for one in assessment.measured
        ],
    }


def _plain(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else asdict(share)


def _case_json(case: Case, fleet: Fleet) -> dict[str, Any]:
    lineages = case.renewal.lineages
    return {
        "name": case.name,
        "renewal": asdict(case.renewal),
        "harm": asdict(case.harm),
        "rows": [
            {
                **asdict(row),
                "a_year": {
                    name: _plain(row.a_year(getattr(row, name), lineages)) for name in _HARM
                },
                "fleet_a_year": {
                    name: _plain(
                        row.fleet(getattr(row, name), fleet.systems, fleet.share, lineages)
                    )
                    for name in _HARM
                },
                "tolerable": row.mismatch is not None and row.mismatch.value <= figures.TOLERABLE,
            }
            for row in case.rows
        ],
    }
