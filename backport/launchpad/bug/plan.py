"""What of an SRU bug differs from what the update wants, as a list of changes. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backport.launchpad.bug.changes import (
    AddComment,
    AddTags,
    AddTask,
    Approve,
    Change,
    Nominate,
    SetDescription,
    SetStatus,
    change_json,
)
from backport.launchpad.bug.data import Bug, place
from backport.launchpad.bug.description import merged, same, tidy
from backport.recipe.bug import LADDER, BugText


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
class BugPlan:
    """The changes in the order in which they are made, and what is not done and why."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data."""
        return {"changes": [change_json(change) for change in self.changes], "notes": self.notes}

    def __str__(self) -> str:
        lines = ["", "To change:" if self.changes else "The bug is as wanted: nothing to change."]
        lines += [f"  - {change}" for change in self.changes]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


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
    changes += [
        AddComment(tidy(comment))
        for comment in wanted.comments
        if not any(same(there, comment) for there in bug.comments)
    ]
    ours = {source for source, _ in wanted.uploaded}
    development = [bug.task(source) for source in wanted.affected if source in ours]
    unfixed = [
        f"{place(task.source)} is {task.status}"
        for task in development
        if task is not None and task.status != "Fix Released"
    ]
    if unfixed:
        notes.append(
            "before a stable release is updated, the development release has to have the fix, and "
            f"its task to say Fix Released: {', '.join(unfixed)}"
        )
    return BugPlan(tuple(changes), tuple(notes))


def _nominations(bug: Bug, wanted: WantedBug, changes: list[Change], notes: list[str]) -> None:
    by_series = {one.series: one for one in bug.nominations}
    for series in dict.fromkeys(one for every in wanted.affected.values() for one in every):
        lacking = [
            source
            for source, every in wanted.affected.items()
            if series in every and bug.task(source, series) is None
        ]
        if not lacking:
            continue
        nomination = by_series.get(series)
        approved = nomination is not None and nomination.status == "Approved"
        if approved or any(task.series == series for task in bug.tasks):
            # After an approval Launchpad adds it with the source package's own task.
            changes += [
                AddTask(source, series)
                for source in lacking
                if not approved or bug.task(source) is not None
            ]
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
    status = wanted.status
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
