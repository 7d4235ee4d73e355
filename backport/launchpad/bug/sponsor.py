"""The path of those who cannot upload: debdiffs on the bug, and the sponsors subscribed.

Ubuntu's SRU documentation, howto/standard: attach a debdiff and subscribe ubuntu-sponsors. Nothing
else of the bug is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backport.errors import InputError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.errors import RefusedError
from backport.launchpad.archive import debdiff as archive_diff
from backport.launchpad.archive.publications import Records
from backport.launchpad.bug.model import not_shown
from backport.recipe.model import Recipe
from backport.recipe.versions import STANDIN

TEAM = "ubuntu-sponsors"


@dataclass(frozen=True)
class Debdiff:
    """The difference of one source package to the series' own: what a sponsor reviews."""

    source: str
    series: str
    path: Path

    @property
    def title(self) -> str:
        """The attachment's name on the bug."""
        return f"{self.path.name.removesuffix('.debdiff')}.{self.series}.debdiff"


@dataclass(frozen=True)
class Needed:
    """What the bug lacks: debdiffs, and the subscription of the team."""

    debdiffs: tuple[Debdiff, ...]
    subscription: bool

    def __len__(self) -> int:
        return len(self.debdiffs) + self.subscription


def find(
    recipe: Recipe, pairs: Iterable[tuple[str, str]], records: Records, work: Path, cache: Path
) -> tuple[list[Debdiff], list[str]]:
    """The debdiffs of the source packages that were made, and a note on each.

    A debdiff is against what the series has, by Launchpad's records; where a series has no such
    source, it is the one against the pinned base.

    Parameters:
        pairs: source package and series.
        work: the work folder.
        cache: the folder of downloads.

    Raises:
        InputError: a source package is for testing only, or none has a debdiff.
        BackportError: as `archive_diff.compare` does.
    """
    debdiffs: list[Debdiff] = []
    notes: list[str] = []
    for source, series in pairs:
        dsc = archive_diff.own_dsc(work, source, series)
        if STANDIN in dsc.name:
            raise InputError(
                f"{dsc.name} is for testing only: its base is not the archive's",
                where=str(dsc.parent),
                advice="run: backport pin, and make it again",
            )
        made = archive_diff.compare(recipe, (source, series), records, work, cache)
        path = made.path or next(dsc.parent.glob("*.debdiff"), None)
        note = made.told
        if path is None:
            note += ": give the sponsor its .dsc and files"
        else:
            debdiffs.append(Debdiff(source, series, path))
            note += "" if made.path else "; its debdiff is against its base"
        notes.append(note)
    if not debdiffs:
        raise InputError("no source package has a debdiff", where=str(work / "source"))
    return debdiffs, notes


def missing(client: LaunchpadlibClient, number: int, debdiffs: Sequence[Debdiff]) -> Needed:
    """What the bug lacks. A debdiff is there if its name and its content are.

    Raises:
        RefusedError: the bug does not exist or is not shown.
        RemoteError: Launchpad is broken or cannot be reached.
    """
    titles = {one.title for one in debdiffs}

    def question(session: Any) -> Needed:
        bug = session.load(f"bugs/{number}")
        attached = {
            (str(entry.title), entry.data.open().read())
            for entry in bug.attachments
            if str(entry.title) in titles
        }
        people = {str(one.person_link).rpartition("/")[2] for one in bug.subscriptions}
        lacking = (one for one in debdiffs if (one.title, one.path.read_bytes()) not in attached)
        return Needed(tuple(lacking), f"~{TEAM}" not in people)

    try:
        return client.ask(f"the attachments of bug {number}", question)
    except RefusedError as error:
        raise not_shown(error, number, client.root) from error


def carry_out(client: LaunchpadlibClient, number: int, debdiffs: Sequence[Debdiff]) -> list[str]:
    """Attach what is missing and subscribe the team; what was done, as sentences.

    After an answer that leaves open whether something was done, the bug is read: what is there
    is not done again.

    Raises:
        RemoteError: Launchpad refuses, is broken or cannot be reached; what was done stays, and
            the next call goes on from there.
    """
    done: list[str] = []
    todo = missing(client, number, debdiffs)
    for one in todo.debdiffs:

        def attach(session: Any, one: Debdiff = one) -> None:
            session.load(f"bugs/{number}").addAttachment(
                data=one.path.read_bytes(),
                comment=f"Debdiff of {one.source} for {one.series}.",
                filename=one.title,
                description=one.title,
                content_type="text/plain",
                is_patch=True,
            )

        def is_attached(one: Debdiff = one) -> bool:
            return not missing(client, number, [one]).debdiffs

        client.change(f"{one.title} on bug {number}", attach, is_attached, doing="attached")
        done.append(f"attached {one.title}")
    # Last, so that the sponsors get no mail before all is there.
    if todo.subscription:

        def subscribe(session: Any) -> None:
            session.load(f"bugs/{number}").subscribe(person=f"{session._root_uri}~{TEAM}")

        client.change(
            f"{TEAM} to bug {number}",
            subscribe,
            lambda: not missing(client, number, []).subscription,
            doing="subscribed",
        )
        done.append(f"subscribed {TEAM}")
    return done
