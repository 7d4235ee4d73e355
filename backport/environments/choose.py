"""Which base builds and tests use: the one that is named, else the archive if it answers."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Collection, Sequence
from http.client import HTTPException

from backport.environments.base import Base
from backport.environments.standin import StandIn
from backport.environments.standin_modules import load_table
from backport.environments.ubuntu import Ubuntu
from backport.errors import MachineError, UsageError
from backport.recipe.model import Recipe, Series

KINDS = ("ubuntu", "stand-in")
_PROBE_SECONDS = 5.0
_HEAD = 4096


def silent(series: Sequence[Series], *, patience: float = _PROBE_SECONDS) -> list[str]:
    """The names of the series whose archive does not answer; all are asked at once.

    Parameters:
        series: the series, with their mirrors; one without a mirror has no archive.
        patience: seconds for all answers together.
    """
    answered: set[str] = set()
    # Not a pool: what hangs, such as a name server, is left behind, and does not hold up the end.
    probes = [
        threading.Thread(target=_probe, args=(one, patience, answered), daemon=True)
        for one in series
        if one.mirror
    ]
    for probe in probes:
        probe.start()
    limit = time.monotonic() + patience
    for probe in probes:
        probe.join(max(0.0, limit - time.monotonic()))
    known = set(answered)
    return [one.name for one in series if one.name not in known]


def _probe(series: Series, patience: float, answered: set[str]) -> None:
    """Note a series whose Release file names it: what a portal answers instead does not count."""
    address = f"{series.mirror.rstrip('/')}/dists/{series.name}/Release"
    try:
        with urllib.request.urlopen(address, timeout=patience) as answer:
            head = answer.read(_HEAD).decode("utf-8", "replace")
    except (OSError, ValueError, HTTPException):
        return
    if f"Codename: {series.name}" in head.splitlines():
        answered.add(series.name)


def choose(
    recipe: Recipe,
    named: str = "",
    *,
    offline: bool = False,
    before: str = "",
    series: Collection[str] = (),
) -> tuple[Base, str]:
    """The base, and a note for the user where it was not named ("" otherwise).

    Parameters:
        named: the kind of base that the user names.
        offline: ask no archive, and download nothing.
        before: the kind that the work folder was last used with; taken where none is named and
            none can be asked.
        series: the names of those that the run is for, whose archives are asked; () for all.

    Raises:
        UsageError: there is no base of that name. RecipeError: the recipe's stand-in is wrong.
    """
    if named and named not in KINDS:
        raise UsageError(f"there is no base {named!r}", advice=f"name one of {', '.join(KINDS)}")
    if named == "ubuntu":
        return Ubuntu(as_of=recipe.as_of, offline=offline), ""
    if named == "stand-in":
        return _stand_in(recipe, offline=offline), ""
    if offline and before == "ubuntu":
        return Ubuntu(as_of=recipe.as_of, offline=True), ""
    if offline:
        note = "" if before else _stand_in_for("offline, the Ubuntu archive is not asked")
        return _stand_in(recipe, offline=True), note
    archive = Ubuntu(as_of=recipe.as_of)
    asked = [one for one in recipe.series if not series or one.name in series]
    if not (reason := _why_not(archive, asked)):
        return archive, ""
    return _stand_in(recipe), _stand_in_for(reason)


def _why_not(archive: Ubuntu, asked: Sequence[Series]) -> str:
    """Why the archive cannot be the base; "" where it can."""
    if lacking := ", ".join(one.name for one in asked if not one.mirror):
        return f"the recipe names no mirror of {lacking}"
    try:
        archive.check_keyring()
    except MachineError as error:
        return f"{error.what} ({error.where})"
    quiet = ", ".join(silent(asked))
    return f"the Ubuntu archive of {quiet} does not answer" if quiet else ""


def _stand_in(recipe: Recipe, *, offline: bool = False) -> StandIn:
    return StandIn(load_table(recipe.stand_in), offline=offline)


def _stand_in_for(reason: str) -> str:
    return f"{reason}: builds and tests use the stand-in base; name one with --base"
