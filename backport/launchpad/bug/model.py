"""The SRU bug on Launchpad: read it, and make the planned changes.

Everything is read first; how each change is made is said in `changes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

from backport.errors import RemoteError
from backport.launchpad import Tell
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError
from backport.launchpad.bug import changes
from backport.launchpad.bug import plan as bug_plan
from backport.launchpad.bug.changes import AddTask, Approve, Change, Nominate, SetStatus
from backport.launchpad.bug.data import Bug, Nomination, Task
from backport.launchpad.bug.plan import BugPlan, WantedBug

_TARGET = re.compile(r"/ubuntu(?:/(?P<series>[a-z][a-z0-9]*))?/\+source/(?P<source>[^/]+)$")


@dataclass(frozen=True)
class Applied:
    """What came of a plan: the changes that Launchpad refused and why, and what is left of it."""

    troubles: tuple[tuple[Change, RemoteError], ...]
    left: BugPlan


def read(client: LaunchpadlibClient, number: int, *, rights: bool = False) -> Bug:
    """The bug as Launchpad has it now.

    Parameters:
        rights: ask too what this login may approve; for a client that is logged in.

    Raises:
        RefusedError: it does not exist, or is private and not shown.
        RemoteError: Launchpad is broken or cannot be reached.
    """

    def question(session: Any) -> Bug:
        entry = session.load(f"bugs/{number}")
        return Bug(
            number=number,
            title=str(entry.title),
            description=str(entry.description or ""),
            tags=tuple(str(tag) for tag in entry.tags),
            tasks=tuple(filter(None, map(_task, entry.bug_tasks))),
            nominations=tuple(
                filter(None, (_nomination(one, rights) for one in entry.getNominations()))
            ),
            comments=tuple(str(message.content or "") for message in entry.messages),
            web=str(entry.web_link),
            duplicate_of=int(str(entry.duplicate_of_link or "0").rpartition("/")[2]),
            private=bool(entry.private),
            locked=str(entry.lock_status) != "Unlocked",
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


def _task(entry: Any) -> Task | None:
    """A task of Ubuntu; None for all else."""
    match = _TARGET.search(unquote(str(entry.target_link)))
    if match is None:
        return None
    return Task(match["source"], match["series"] or "", str(entry.status), str(entry.self_link))


def _nomination(entry: Any, rights: bool) -> Nomination | None:
    match = re.search(r"/ubuntu/([a-z][a-z0-9]*)$", str(entry.target_link))
    if match is None:
        return None
    status = str(entry.status)
    may: bool | None = None if status == "Nominated" else False
    if rights and may is None:
        may = bool(entry.canApprove())
    return Nomination(match[1], status, may, str(entry.self_link))


def apply(client: LaunchpadlibClient, bug: Bug, wanted: WantedBug, tell: Tell) -> Applied:
    """Make the changes that `bug_plan.make` plans for the bug as it was shown.

    What follows from them (a nomination that can now be approved, the tasks of a series) is done
    as well. A change that Launchpad refuses does not hold up the others.

    Parameters:
        tell: takes each change, done or not, as data and as text.

    Raises:
        RemoteError: Launchpad is broken or cannot be reached; what was made stays made, and the
            next call goes on from there.
    """
    troubles: list[tuple[Change, RemoteError]] = []
    plan = bug_plan.make(bug, wanted)
    todo = plan.changes
    tried: set[Change] = set()
    left = partial(to_change, client, bug.number, wanted)
    # A nomination leads to an approval, and that to tasks and their status: four rounds at most.
    for _ in range(4):
        for change in todo:
            data, text = changes.change_json(change), changes.headline(change)
            try:
                carry_out(client, bug.number, change, left)
            except RefusedError as error:
                troubles.append((change, error))
                tell({"event": "not done", **data, "why": str(error)}, f"not done: {text}: {error}")
            else:
                tell({"event": "done", **data}, f"done: {text}")
        plan = bug_plan.make(read(client, bug.number, rights=True), wanted)
        tried |= {*todo}
        todo = tuple(one for one in plan.changes if one not in tried and _follows(one, bug))
        if not todo:
            break
    return Applied(tuple(troubles), plan)


def _follows(change: Change, shown: Bug) -> bool:
    """Whether a change that was not shown follows from those that were."""
    match change:
        case SetStatus(source, series):
            return shown.task(source, series) is None
        case AddTask() | Nominate() | Approve():
            return True
    return False


def to_change(client: LaunchpadlibClient, number: int, wanted: WantedBug) -> tuple[Change, ...]:
    """What is to be changed on the bug as it is now; raises as `read` does."""
    return bug_plan.make(read(client, number), wanted).changes


def carry_out(
    client: LaunchpadlibClient, number: int, change: Change, left: Callable[[], tuple[Change, ...]]
) -> None:
    """Make one change.

    Parameters:
        left: what is still to be changed; without this one it is made.

    Raises:
        RemoteError: it was not made.
    """
    client.change(
        f"bug {number} ({changes.headline(change)})",
        lambda session: changes.make(session, number, change, client.root),
        lambda: change not in left(),
    )
