"""What of an SRU bug differs from what the update wants, as a list of changes. No I/O."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from backport.launchpad.bug.description import merged, same, tidy
from backport.recipe.bug import LADDER, BugText


@dataclass(frozen=True)
class Task:
    """A task: the bug in one source package, of one Ubuntu series or ("") in development."""

    source: str
    series: str
    status: str
    link: str = ""


@dataclass(frozen=True)
class Nomination:
    """A series that the bug is proposed for; `status` is Nominated, Approved or Declined.

    `can_approve` is whether this login may approve it; None if that was not asked.
    """

    series: str
    status: str
    can_approve: bool | None = False
    link: str = ""


@dataclass(frozen=True)
class Bug:
    """A bug as Launchpad has it now.

    Parameters:
        comments: the messages, the first one included.
        duplicate_of: the number of the bug that this one is a duplicate of; 0 if it is none.
        locked: whether only those with a role in the project may change more than comments.
    """

    number: int
    title: str
    description: str
    tags: tuple[str, ...]
    tasks: tuple[Task, ...]
    nominations: tuple[Nomination, ...]
    comments: tuple[str, ...]
    web: str = ""
    duplicate_of: int = 0
    private: bool = False
    locked: bool = False

    def task(self, source: str, series: str = "") -> Task | None:
        """The task of that source package and series; None if there is none."""
        for one in self.tasks:
            if (one.source, one.series) == (source, series):
                return one
        return None

    def has_comment(self, text: str) -> bool:
        """Whether a comment with this text is there."""
        return any(same(one, text) for one in self.comments)

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the whole bug stands in the way of an update."""
        notes = []
        if self.duplicate_of:
            notes.append(
                f"the bug is a duplicate of bug {self.duplicate_of}: name that one in the recipe"
            )
        if self.private:
            notes.append("the bug is private: an update needs a public one")
        if self.locked:
            notes.append(
                "the bug is locked: only those with a role in the project may change more than "
                "comments"
            )
        return tuple(notes)


@dataclass(frozen=True)
class WantedBug:
    """What the update wants of the bug.

    Parameters:
        affected: the series of every affected source package, the retired ones included.
        uploaded: the pairs (source, series) whose task gets the `status`.
        obsolete: series that Launchpad takes no nomination for.
        comments: comments that have to be there, word for word.
    """

    affected: Mapping[str, tuple[str, ...]]
    uploaded: frozenset[tuple[str, str]]
    obsolete: frozenset[str] = frozenset()
    text: BugText | None = None
    status: str = ""
    comments: tuple[str, ...] = ()


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
    link: str = ""

    def __str__(self) -> str:
        return f"approve the nomination for {self.series}, where this login may"


@dataclass(frozen=True)
class SetDescription:
    """The description changes from `old`, as it was read, to `new`."""

    old: str
    new: str

    def __str__(self) -> str:
        return "change the description:\n" + text_difference(self.old, self.new)


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
    old: str
    new: str
    link: str

    def __str__(self) -> str:
        return f"set {place(self.source, self.series)} from {self.old} to {self.new}"


@dataclass(frozen=True)
class AddComment:
    """A comment is posted."""

    text: str

    def __str__(self) -> str:
        quoted = "\n".join(f"    {line}".rstrip() for line in self.text.splitlines())
        return f"post a comment:\n{quoted}"


Change = AddTask | Nominate | Approve | SetDescription | AddTags | SetStatus | AddComment


@dataclass(frozen=True)
class BugPlan:
    """The changes in the order in which they are made, and what is not done and why."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def place(source: str, series: str = "") -> str:
    """A task in words, such as ``hello (Ubuntu Xenial)``."""
    return f"{source} (Ubuntu{f' {series.capitalize()}' if series else ''})"


def text_difference(old: str, new: str) -> str:
    """A unified difference of two texts, indented."""
    lines = difflib.unified_diff(
        tidy(old).splitlines(), tidy(new).splitlines(), "now", "then", lineterm=""
    )
    return "\n".join(f"    {line}".rstrip() for line in lines)


def make(bug: Bug, wanted: WantedBug) -> BugPlan:
    """What has to change. A bug that is as wanted gives no change."""
    changes: list[Change] = []
    notes = [*bug.notes]
    changes += [AddTask(source) for source in wanted.affected if bug.task(source) is None]
    _nominations(bug, wanted, changes, notes)
    if wanted.text is not None:
        now, then = tidy(bug.description), merged(bug.description, wanted.text)
        if not same(now, then):
            changes.append(SetDescription(now, then))
        if missing := tuple(tag for tag in wanted.text.tags if tag not in bug.tags):
            changes.append(AddTags(missing))
    _statuses(bug, wanted, changes, notes)
    changes += [AddComment(tidy(one)) for one in wanted.comments if not bug.has_comment(one)]
    ours = {source for source, _ in wanted.uploaded}
    development = [bug.task(source) for source in wanted.affected if source in ours]
    unfixed = [
        f"{place(one.source)} is {one.status}"
        for one in development
        if one is not None and one.status != "Fix Released"
    ]
    if unfixed:
        notes.append(
            "before a stable release is updated, the development release has to have the fix, and "
            f"its task to say Fix Released: {', '.join(unfixed)}"
        )
    return BugPlan(tuple(changes), tuple(notes))


def is_made(bug: Bug, change: Change) -> bool:
    """Whether the bug is as the change makes it."""
    match change:
        case AddTask(source, series):
            made = bug.task(source, series) is not None
        case Nominate(series):
            made = any(one.series == series for one in bug.nominations)
        case Approve(series):
            approved = {one.series for one in bug.nominations if one.status == "Approved"}
            made = series in approved
        case SetDescription(_, new):
            made = same(bug.description, new)
        case AddTags(tags):
            made = set(tags) <= set(bug.tags)
        case SetStatus(source, series, _, new):
            task = bug.task(source, series)
            made = task is not None and task.status == new
        case AddComment(text):
            made = bug.has_comment(text)
    return made


def _nominations(bug: Bug, wanted: WantedBug, changes: list[Change], notes: list[str]) -> None:
    every = dict.fromkeys(series for found in wanted.affected.values() for series in found)
    by_series = {one.series: one for one in bug.nominations}
    for series in every:
        lacking = [
            source
            for source, found in wanted.affected.items()
            if series in found and bug.task(source, series) is None
        ]
        if not lacking:
            continue
        nomination = by_series.get(series)
        targeted = any(task.series == series for task in bug.tasks)
        new = [source for source in lacking if bug.task(source) is None]
        if targeted or (nomination is not None and nomination.status == "Approved"):
            # Launchpad adds these by itself with the source package's own task.
            came = nomination is not None and nomination.status == "Approved"
            late = [source for source in lacking if not (came and source in new)]
            changes += [AddTask(source, series) for source in late]
        elif series in wanted.obsolete:
            notes.append(
                f"{series} is obsolete: Launchpad takes no nomination for it, so {len(lacking)} "
                "source packages stay without a task there"
            )
        elif nomination is None:
            changes.append(Nominate(series))
        elif nomination.status == "Declined":
            notes.append(
                f"the nomination for {series} was declined: talk with who declined it, it is not "
                "nominated again"
            )
        elif nomination.can_approve is not False:
            changes.append(Approve(series, nomination.link))
        else:
            notes.append(
                f"the nomination for {series} waits for somebody who may approve it (a driver of "
                "the series, or an uploader of one of the packages)"
            )


def _statuses(bug: Bug, wanted: WantedBug, changes: list[Change], notes: list[str]) -> None:
    status = wanted.status or (wanted.text.status if wanted.text else "")
    if not status:
        return
    for task in bug.tasks:
        if (task.source, task.series) not in wanted.uploaded or task.status == status:
            continue
        where = place(task.source, task.series)
        if task.status not in LADDER:
            notes.append(f"{where} is {task.status}, which is somebody's decision and stays")
        elif LADDER.index(task.status) > LADDER.index(status):
            notes.append(f"{where} is {task.status} already and is not set back to {status}")
        else:
            changes.append(SetStatus(task.source, task.series, task.status, status, task.link))
