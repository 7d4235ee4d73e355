"""The changes of a bug: how each is called, and how it is made.

Two that set the same are equal, whatever was there before.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backport.launchpad.api.client import ConflictError
from backport.launchpad.bug.data import place
from backport.launchpad.bug.description import tidy


@dataclass(frozen=True)
class AddTask:
    """The bug gets a task for a source package, in development or in a series of Ubuntu."""

    source: str
    series: str = ""

    def __str__(self) -> str:
        return f"add the task {place(self.source, self.series)}"


@dataclass(frozen=True)
class Nominate:
    """The bug is nominated for a series."""

    series: str

    def __str__(self) -> str:
        return f"nominate the bug for {self.series}"


@dataclass(frozen=True)
class Approve:
    """A nomination is approved; every source package of the bug gets its task by that."""

    series: str
    link: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"approve the nomination for {self.series}, where this login may"


@dataclass(frozen=True)
class SetDescription:
    """The description changes from `old`, as it was read, to `new`."""

    old: str = field(compare=False)
    new: str = field(compare=False)

    def __str__(self) -> str:
        lines = difflib.unified_diff(
            tidy(self.old).splitlines(), tidy(self.new).splitlines(), "now", "then", lineterm=""
        )
        return "change the description:\n" + "\n".join(f"    {line}".rstrip() for line in lines)


@dataclass(frozen=True)
class AddTags:
    """Tags are added; those that are there stay."""

    tags: tuple[str, ...]

    def __str__(self) -> str:
        return f"add the tag{'s' if len(self.tags) > 1 else ''} {', '.join(self.tags)}"


@dataclass(frozen=True)
class SetStatus:
    """The status of a task is raised from `old`, as it was read."""

    source: str
    series: str
    old: str = field(compare=False)
    new: str
    link: str = field(compare=False)

    def __str__(self) -> str:
        return f"set {place(self.source, self.series)} from {self.old} to {self.new}"


@dataclass(frozen=True)
class AddComment:
    """A comment is posted."""

    text: str

    def __str__(self) -> str:
        quoted = "\n".join(f"    {line}".rstrip() for line in self.text.splitlines())
        return f"post a comment:\n{quoted}"


@dataclass(frozen=True)
class Attach:
    """A debdiff is attached as a patch; `title` is its name on the bug."""

    title: str
    path: Path
    comment: str

    def __str__(self) -> str:
        return f"attach {self.title}"


@dataclass(frozen=True)
class Subscribe:
    """A team is subscribed."""

    team: str

    def __str__(self) -> str:
        return f"subscribe {self.team}"


Change = (
    AddTask
    | Nominate
    | Approve
    | SetDescription
    | AddTags
    | SetStatus
    | AddComment
    | Attach
    | Subscribe
)


def headline(change: Change) -> str:
    """What a change does, without the text that it sets."""
    return str(change).partition(":\n")[0]


def change_json(change: Change) -> dict[str, Any]:
    """A change as JSON data: its class, and what belongs to it."""
    return {"change": type(change).__name__, **asdict(change)}


def make(session: Any, number: int, change: Change, root: str) -> None:
    """Make a change, on a fresh copy and only if that still is what was shown.

    launchpadlib sends the copy's ETag along, so that Launchpad itself refuses a change in the last
    moment (412).

    Parameters:
        session: launchpadlib's. root: the service root, for the message.

    Raises:
        ConflictError: somebody else has changed the same since it was shown.
    """
    link = change.link if isinstance(change, (Approve, SetStatus)) else f"bugs/{number}"
    entry = session.load(link)
    match change:
        case AddTask(source, series):
            below = f"ubuntu/{series}" if series else "ubuntu"
            entry.addTask(target=f"{session._root_uri}{below}/+source/{source}")
        case Nominate(series):
            entry.addNomination(target=f"{session._root_uri}ubuntu/{series}")
        case Approve():
            entry.approve()
        case SetDescription(old, new):
            _require_unchanged("the description", old, tidy(entry.description), root)
            entry.description = new
            entry.lp_save()
        case AddTags(tags):
            # Launchpad saves a list that is assigned, not one that is appended to.
            entry.tags = sorted({*entry.tags, *tags})
            entry.lp_save()
        case SetStatus(source, series, old, new):
            _require_unchanged(place(source, series), old, str(entry.status), root)
            entry.status = new
            entry.lp_save()
        case AddComment(text):
            entry.newMessage(content=text)
        case Attach(title, path, comment):
            entry.addAttachment(
                data=path.read_bytes(),
                comment=comment,
                filename=title,
                description=title,
                content_type="text/plain",
                is_patch=True,
            )
        case Subscribe(team):
            entry.subscribe(person=f"{session._root_uri}~{team}")


def _require_unchanged(what: str, shown: str, now: str, root: str) -> None:
    if shown != now:
        raise ConflictError(
            f"{what} was changed by somebody else in the meantime, and stays as it is now",
            where=root,
            advice="look at the new difference, and run the command again",
        )
