"""Which base builds and tests use: the one that is named, else the archive if it answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from backport import transport
from backport.environments.base import Base
from backport.environments.standin import StandIn
from backport.environments.standin_modules import load_table
from backport.environments.ubuntu import Ubuntu
from backport.errors import MachineError, RemoteError, UsageError
from backport.recipe.model import Recipe, Series
from backport.transport import Limits

BASES = ("ubuntu", "stand-in")
_PATIENCE = Limits(connect=5.0, silence=5.0, total=5.0)


def answers(series: Series) -> bool:
    """Whether the series' mirror has its Release file; another page in its place does not count."""
    address = f"{series.mirror.rstrip('/')}/dists/{series.name}/Release"
    try:
        with transport.opened(address, _PATIENCE) as answer:
            start = next(answer.pieces(), b"").decode("utf-8", "replace")
    except RemoteError:
        return False
    return f"Codename: {series.name}" in start.splitlines()


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
    if named and named not in BASES:
        raise UsageError(f"there is no base {named!r}", advice=f"name one of {', '.join(BASES)}")
    kind, reason = named, ""
    if not kind and offline:
        kind, reason = before, "" if before else "offline, the Ubuntu archive is not asked"
    elif not kind:
        asked = [one for one in recipe.series if not series or one.name in series]
        reason = _why_not(Ubuntu(), asked)
        kind = "" if reason else "ubuntu"
    note = f"{reason}: builds and tests use the stand-in base; name one with --base"
    if kind == "ubuntu":
        return Ubuntu(as_of=recipe.as_of, offline=offline), ""
    return StandIn(load_table(recipe.stand_in), offline=offline), note if reason else ""


def _why_not(archive: Ubuntu, asked: Sequence[Series]) -> str:
    """Why the archive cannot be the base; "" where it can."""
    if lacking := ", ".join(one.name for one in asked if not one.mirror):
        return f"the recipe names no mirror of {lacking}"
    try:
        archive.check_keyring()
    except MachineError as error:
        return f"{error.what} ({error.where})"
    quiet = next((one.name for one in asked if not answers(one)), "")
    return f"the Ubuntu archive of {quiet} does not answer" if quiet else ""
