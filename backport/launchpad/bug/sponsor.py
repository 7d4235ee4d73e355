"""The path of those who cannot upload: debdiffs on the bug, and the sponsors subscribed.

Ubuntu's SRU documentation, howto/standard: attach a debdiff and subscribe ubuntu-sponsors. Nothing
else of the bug is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from backport.errors import InputError
from backport.launchpad import Tell
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError
from backport.launchpad.archive import debdiff as archive_diff
from backport.launchpad.archive.publications import Records
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug.changes import Attach, Change, Subscribe, change_json
from backport.recipe.model import Recipe
from backport.recipe.versions import STANDIN

TEAM = "ubuntu-sponsors"


def find(
    recipe: Recipe, pairs: Iterable[tuple[str, str]], records: Records, work: Path, cache: Path
) -> tuple[list[Attach], list[str]]:
    """The debdiffs of the source packages that were made, and a note on each.

    A debdiff is against what the series has, by Launchpad's records; where a series has no such
    source, it is the one against the pinned package.

    Parameters:
        pairs: source package and series.
        work: the work folder.
        cache: the folder of downloads.

    Raises:
        InputError: a source package is for testing only, or none has a debdiff.
        BackportError: as `archive_diff.compare` does.
    """
    debdiffs: list[Attach] = []
    notes: list[str] = []
    for source, series in pairs:
        dsc = archive_diff.own_dsc(work, source, series)
        if STANDIN in dsc.name:
            raise InputError(
                f"{dsc.name} is for testing only: it starts from no package of the archive",
                where=str(dsc.parent),
                advice="run: backport pin, and make it again",
            )
        record, to_series = archive_diff.compare(recipe, (source, series), records, work, cache)
        path = to_series or next(dsc.parent.glob("*.debdiff"), None)
        note = str(record["told"])
        if path is None:
            note += ": give the sponsor its .dsc and files"
        else:
            title = f"{path.name.removesuffix('.debdiff')}.{series}.debdiff"
            debdiffs.append(Attach(title, path, f"Debdiff of {source} for {series}."))
            note += "" if to_series else "; its debdiff is against the pinned package"
        notes.append(note)
    if not debdiffs:
        raise InputError("no source package has a debdiff", where=str(work / "source"))
    return debdiffs, notes


def missing(
    client: LaunchpadlibClient, number: int, debdiffs: Sequence[Attach]
) -> tuple[Change, ...]:
    """What the bug lacks. A debdiff is there if its name and its content are.

    Raises:
        RefusedError: the bug does not exist or is not shown.
        RemoteError: Launchpad is broken or cannot be reached.
    """
    titles = {debdiff.title for debdiff in debdiffs}

    def question(session: Any) -> tuple[Change, ...]:
        bug = session.load(f"bugs/{number}")
        attached = {
            (str(entry.title), entry.data.open().read())
            for entry in bug.attachments
            if str(entry.title) in titles
        }
        people = {str(entry.person_link).rpartition("/")[2] for entry in bug.subscriptions}
        lacking = (one for one in debdiffs if (one.title, one.path.read_bytes()) not in attached)
        # The team comes last, so that the sponsors get no mail before all is there.
        return (*lacking, *(() if f"~{TEAM}" in people else (Subscribe(TEAM),)))

    try:
        return client.ask(f"the attachments of bug {number}", question)
    except RefusedError as error:
        raise bugs.not_shown(error, number, client.root) from error


def carry_out(
    client: LaunchpadlibClient, number: int, debdiffs: Sequence[Attach], tell: Tell
) -> None:
    """Attach what is missing, and subscribe the team.

    Raises:
        RemoteError: Launchpad refuses, is broken or cannot be reached; what was done stays, and
            the next call goes on from there.
    """
    left = partial(missing, client, number, debdiffs)
    for change in left():
        bugs.carry_out(client, number, change, left)
        tell({"event": "done", **change_json(change)}, f"done: {change}")
