"""The SRU bug on Launchpad: read it, and make the planned changes.

Everything is read first; each change is made on a fresh copy of what it changes and only if that
still is what was shown. launchpadlib sends the copy's ETag along, so that a change in the last
moment is refused by Launchpad (412) and not overwritten.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from backport.errors import RemoteError
from backport.launchpad.api.client import Asker
from backport.launchpad.api.errors import ConflictError, RefusedError
from backport.launchpad.bug import plan as bug_plan
from backport.launchpad.bug.description import tidy
from backport.launchpad.bug.plan import (
    AddComment,
    AddTags,
    AddTask,
    Approve,
    Bug,
    BugPlan,
    Change,
    Nominate,
    Nomination,
    SetDescription,
    SetStatus,
    Task,
    WantedBug,
)

_TARGET = re.compile(r"/ubuntu(?:/(?P<series>[a-z][a-z0-9]*))?/\+source/(?P<source>[^/]+)$")


@dataclass(frozen=True)
class Trouble:
    """A change that was not made, and why; `conflict` if somebody else was faster."""

    change: Change
    error: RemoteError

    @property
    def conflict(self) -> bool:
        """Whether somebody else has changed the same in the meantime."""
        return isinstance(self.error, ConflictError)


@dataclass(frozen=True)
class Applied:
    """What came of a plan: the changes made, those not made, and the bug as read again."""

    made: tuple[Change, ...]
    troubles: tuple[Trouble, ...]
    bug: Bug
    left: BugPlan


def read(client: Asker, number: int, *, rights: bool = False) -> Bug:
    """The bug as Launchpad has it now.

    Parameters:
        rights: ask too what this login may approve; for a client that is logged in.

    Raises:
        RefusedError: it does not exist, or is private and not shown.
        RemoteError: Launchpad is broken or cannot be reached.
    """

    def question(session: Any) -> Bug:
        found = session.load(f"bugs/{number}")
        return Bug(
            number=number,
            title=str(found.title),
            description=str(found.description or ""),
            tags=tuple(str(tag) for tag in found.tags),
            tasks=tuple(filter(None, map(_task, found.bug_tasks))),
            nominations=tuple(
                filter(None, (_nomination(one, rights) for one in found.getNominations()))
            ),
            comments=tuple(str(one.content or "") for one in found.messages),
            web=str(found.web_link),
            duplicate_of=int(str(found.duplicate_of_link or "0").rpartition("/")[2]),
            private=bool(found.private),
            locked=str(found.lock_status) != "Unlocked",
        )

    try:
        return client.ask(f"bug {number}", question)
    except RefusedError as error:
        raise not_shown(error, number, client.root) from error


def not_shown(error: RefusedError, number: int, root: str) -> RefusedError:
    """The sentence for a bug that Launchpad does not show: it does not say why."""
    if getattr(error.__cause__, "status", 0) not in (401, 403, 404) or "clock" in error.advice:
        return error
    return RefusedError(
        f"bug {number} does not exist, or is private and not shown to this login",
        where=root,
        advice="check the number in the recipe, or ask who reported it to subscribe you; an "
        "update needs a public bug",
    )


def _where(target: str) -> tuple[str, str] | None:
    """The source package and series of a target's address; None for all else."""
    match = _TARGET.search(unquote(target))
    return (match["source"], match["series"] or "") if match else None


def _task(found: Any) -> Task | None:
    where = _where(str(found.target_link))
    if where is None:
        return None
    return Task(*where, str(found.status), str(found.self_link))


def _nomination(found: Any, rights: bool) -> Nomination | None:
    match = re.search(r"/ubuntu/([a-z][a-z0-9]*)$", str(found.target_link))
    if match is None:
        return None
    status = str(found.status)
    may: bool | None = None if status == "Nominated" else False
    if rights and may is None:
        may = bool(found.canApprove())
    return Nomination(match[1], status, may, str(found.self_link))


def apply(client: Asker, bug: Bug, wanted: WantedBug) -> Applied:
    """Make the changes that `bug_plan.make` plans for the bug as it was shown.

    What follows from them (a nomination that can now be approved, the tasks of a series) is done
    as well. A change that Launchpad refuses does not hold up the others.

    Raises:
        RemoteError: Launchpad is broken or cannot be reached; what was made stays made, and the
            next call goes on from there.
    """
    made: list[Change] = []
    troubles: list[Trouble] = []
    shown = bug
    # A nomination leads to an approval, and that to tasks and their status: four rounds at most.
    for _ in range(4):
        tried = {_key(one.change) for one in troubles}
        todo = [one for one in bug_plan.make(bug, wanted).changes if _key(one) not in tried]
        todo = [one for one in todo if _agreed(one, shown, wanted)]
        if not todo:
            break
        for change in todo:
            try:
                carry_out(client, bug.number, change)
            except RefusedError as error:
                troubles.append(Trouble(change, error))
            else:
                made.append(change)
        bug = read(client, bug.number, rights=True)
    return Applied(tuple(made), tuple(troubles), bug, bug_plan.make(bug, wanted))


def carry_out(client: Asker, number: int, change: Change) -> None:
    """Make one change; after an answer that leaves open whether it was made, the bug is read.

    Raises:
        RemoteError: it was not made.
    """
    try:
        _make(client, number, change)
    except RefusedError:
        raise
    except RemoteError:
        if not bug_plan.is_made(read(client, number), change):
            raise


def _key(change: Change) -> Change | type[Change]:
    return SetDescription if isinstance(change, SetDescription) else change


def _agreed(change: Change, shown: Bug, wanted: WantedBug) -> bool:
    """Whether the user has agreed: the text or status as it was shown, or what follows from it."""
    match change:
        case SetDescription():
            return change in bug_plan.make(shown, wanted).changes
        case SetStatus(source, series):
            new = shown.task(source, series) is None
            return new or change in bug_plan.make(shown, wanted).changes
    return True


def _make(client: Asker, number: int, change: Change) -> None:
    def question(session: Any) -> None:
        match change:
            case AddTask(source, series):
                below = f"ubuntu/{series}" if series else "ubuntu"
                target = f"{session._root_uri}{below}/+source/{source}"
                session.load(f"bugs/{number}").addTask(target=target)
            case Nominate(series):
                found = session.load(f"bugs/{number}")
                found.addNomination(target=f"{session._root_uri}ubuntu/{series}")
            case Approve(_, link):
                session.load(link).approve()
            case SetDescription(old, new):
                found = session.load(f"bugs/{number}")
                _unchanged("the description", old, tidy(found.description), client.root)
                found.description = new
                found.lp_save()
            case AddTags(tags):
                found = session.load(f"bugs/{number}")
                # Launchpad saves a list that is assigned, not one that is appended to.
                found.tags = sorted({*found.tags, *tags})
                found.lp_save()
            case SetStatus(source, series, old, new, link):
                found = session.load(link)
                _unchanged(bug_plan.place(source, series), old, str(found.status), client.root)
                found.status = new
                found.lp_save()
            case AddComment(text):
                session.load(f"bugs/{number}").newMessage(content=text)

    client.ask(f"bug {number} ({str(change).partition(':')[0]})", question, doing="changed")


def _unchanged(what: str, shown: str, now: str, root: str) -> None:
    if shown != now:
        raise ConflictError(
            f"{what} was changed by somebody else in the meantime, and stays as it is now",
            where=root,
            advice="look at the new difference, and run the command again",
        )
