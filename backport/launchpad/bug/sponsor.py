"""The path of those who cannot upload: debdiffs on the bug, and the sponsors subscribed.

Ubuntu's SRU documentation, howto/standard: attach a debdiff and subscribe ubuntu-sponsors. Nothing
else of the bug is touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
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
_LARGEST = 20 * 1024 * 1024  # bytes; a debdiff that is larger is a whole upstream version


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

    @property
    def sha256(self) -> str:
        """The hash of its content, as 64 hexadecimal digits."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class State:
    """What of a sponsored upload the bug has: title and sha256 of each attachment, and whether
    the team is subscribed.
    """

    attached: tuple[tuple[str, str], ...]
    subscribed: bool


@dataclass(frozen=True)
class Todo:
    """What is missing: the debdiffs to attach, and the subscription; `notes` are for the user."""

    attach: tuple[Debdiff, ...]
    subscribe: bool
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.attach) or self.subscribe


def find(work: Path, pairs: Iterable[tuple[str, str]]) -> tuple[list[Debdiff], list[str]]:
    """The debdiffs of the source packages that were made, and a note for each that has none.

    Parameters:
        work: the work folder.
        pairs: source package and series.

    Raises:
        InputError: a source package was not made yet, is for testing only, or none has a debdiff.
    """
    debdiffs: list[Debdiff] = []
    notes: list[str] = []
    for source, series in pairs:
        dsc = archive_diff.own_dsc(work, source, series)
        folder = dsc.parent
        if STANDIN in dsc.name:
            raise InputError(
                f"{dsc.name} is for testing only: its base is not the archive's",
                where=str(folder),
                advice="run: backport pin, and make it again",
            )
        debdiff = sorted(folder.glob("*.debdiff"))
        if debdiff:
            debdiffs.append(Debdiff(source, series, debdiff[0]))
        else:
            notes.append(
                f"{source} in {series} has no debdiff, since nothing is there to compare it with: "
                "give the sponsor its .dsc and files"
            )
    if not debdiffs:
        raise InputError("no source package has a debdiff", where=str(work / "source"))
    return debdiffs, notes


def against_archive(
    recipe: Recipe, debdiffs: Iterable[Debdiff], records: Records, work: Path, cache: Path
) -> tuple[list[Debdiff], list[str]]:
    """The debdiffs against what the series have, by Launchpad's records, and notes on each.

    Where a series has no such source, the debdiff against the pinned base stays.

    Raises: as `archive_diff.compare` does.
    """
    compared: list[Debdiff] = []
    notes: list[str] = []
    for debdiff in debdiffs:
        made = archive_diff.compare(recipe, (debdiff.source, debdiff.series), records, work, cache)
        if made.path is None:
            base = recipe.source(debdiff.source).in_series(debdiff.series).base
            against = f"its base, {base.version}" if base else "its base"
            notes.append(
                f"{debdiff.source} is new in {debdiff.series}: its debdiff is against {against}"
            )
            compared.append(debdiff)
            continue
        notes.append(made.told)
        compared.append(Debdiff(debdiff.source, debdiff.series, made.path))
    return compared, notes


def read(client: LaunchpadlibClient, number: int, titles: Iterable[str]) -> State:
    """What the bug has. Only attachments with one of the `titles` are downloaded, to be compared.

    Raises:
        RefusedError: the bug does not exist or is not shown.
        RemoteError: Launchpad is broken or cannot be reached.
    """
    wanted = set(titles)

    def question(session: Any) -> State:
        bug = session.load(f"bugs/{number}")
        attached = tuple(
            (str(entry.title), hashlib.sha256(entry.data.open().read()).hexdigest())
            for entry in bug.attachments
            if str(entry.title) in wanted
        )
        people = {
            str(subscription.person_link).rpartition("/")[2] for subscription in bug.subscriptions
        }
        return State(attached, f"~{TEAM}" in people)

    try:
        return client.ask(f"the attachments of bug {number}", question)
    except RefusedError as error:
        raise not_shown(error, number, client.root) from error


def plan(state: State, debdiffs: Iterable[Debdiff]) -> Todo:
    """What is missing on the bug."""
    attach: list[Debdiff] = []
    notes: list[str] = []
    for debdiff in debdiffs:
        same = [sha256 for title, sha256 in state.attached if title == debdiff.title]
        if debdiff.sha256 in same:
            continue
        if debdiff.path.stat().st_size > _LARGEST:
            notes.append(
                f"{debdiff.title} has {debdiff.path.stat().st_size} bytes and is not attached: "
                "give the sponsor the .dsc and its files"
            )
            continue
        if same:
            notes.append(f"{debdiff.title} is there with another content, which stays beside ours")
        attach.append(debdiff)
    return Todo(tuple(attach), not state.subscribed, tuple(notes))


def carry_out(client: LaunchpadlibClient, number: int, debdiffs: Iterable[Debdiff]) -> list[str]:
    """Attach what is missing and subscribe the team; what was done, as sentences.

    After an answer that leaves open whether something was done, the bug is read: what is there
    is not done again.

    Raises:
        RemoteError: Launchpad refuses, is broken or cannot be reached; what was done stays, and
            the next call goes on from there.
    """
    every = list(debdiffs)
    titles = [one.title for one in every]
    done: list[str] = []
    todo = plan(read(client, number, titles), every)
    for one in todo.attach:

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
            return one not in plan(read(client, number, titles), every).attach

        client.change(f"{one.title} on bug {number}", attach, is_attached, doing="attached")
        done.append(f"attached {one.title}")
    # Last, so that the sponsors get no mail before all is there.
    if todo.subscribe:

        def subscribe(session: Any) -> None:
            session.load(f"bugs/{number}").subscribe(person=f"{session._root_uri}~{TEAM}")

        client.change(
            f"{TEAM} to bug {number}",
            subscribe,
            lambda: read(client, number, ()).subscribed,
            doing="subscribed",
        )
        done.append(f"subscribed {TEAM}")
    return done
