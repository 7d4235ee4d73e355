"""Post the verification on the bug: a comment and the tags of a series, once.

The bug is read right before each change, and again after it. Where somebody else has changed the
verification's tags in the meantime nothing is written: a person has to look at what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.errors import ConflictError
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug.changes import AddComment
from backport.launchpad.bug.data import Bug
from backport.sru.checklist_data import TagChange


@dataclass(frozen=True)
class Posted:
    """What was written for a series; nothing where all was there already."""

    series: str
    comment: bool
    tags: bool


def post(
    client: LaunchpadlibClient,
    seen: Bug,
    changes: tuple[TagChange, ...],
    comments: Mapping[str, str],
) -> tuple[Posted, ...]:
    """Write the comment and the tags of each series that are not there yet.

    Parameters:
        seen: the bug as it was when the tags were proposed.
        comments: the comment of each series.

    Raises:
        ConflictError: somebody has changed the tags of a series meanwhile; nothing is written for
            it, and what was written for others stays.
        RemoteError: Launchpad refused, or cannot be reached; the next call goes on from there.
    """
    posted = []
    for change in changes:
        now = bugs.read(client, seen.number)
        if _is_done(now, change) and now.has_comment(comments[change.series]):
            posted.append(Posted(change.series, comment=False, tags=False))
            continue
        _unchanged(client, seen, now, change)
        comment = not now.has_comment(comments[change.series])
        if comment:
            bugs.carry_out(client, seen.number, AddComment(comments[change.series]))
        tags = not _is_done(now, change)
        if tags:
            _tag(client, seen, change)
        posted.append(Posted(change.series, comment, tags))
    return tuple(posted)


def _is_done(bug: Bug, change: TagChange) -> bool:
    return change.add in bug.tags and not {*change.remove} & {*bug.tags}


def _about(tags: tuple[str, ...], series: str) -> set[str]:
    """The tags that say something about the verification of a series."""
    return {tag for tag in tags if tag.startswith("verification-") and series in tag} | {
        tag for tag in tags if tag.startswith(("regression-", f"block-proposed-{series}"))
    }


def _unchanged(client: LaunchpadlibClient, seen: Bug, now: Bug, change: TagChange) -> None:
    was, are = _about(seen.tags, change.series), _about(now.tags, change.series)
    if was != are and not _is_done(now, change):
        more = ", ".join(sorted(are - was)) or "none"
        gone = ", ".join(sorted(was - are)) or "none"
        raise ConflictError(
            f"somebody else has changed the tags about {change.series} in the meantime (set: "
            f"{more}; removed: {gone}); the tags stay as they are",
            where=f"{client.root}, bug {seen.number}",
            advice="find out why, and run the command again",
        )


def _tag(client: LaunchpadlibClient, seen: Bug, change: TagChange) -> None:
    def set_tags(session: Any) -> None:
        entry = session.load(f"bugs/{seen.number}")
        now = replace(seen, tags=tuple(map(str, entry.tags)))
        _unchanged(client, seen, now, change)
        # Launchpad saves a list that is assigned, not one that is changed in its place.
        entry.tags = sorted(({*now.tags} - {*change.remove}) | {change.add})
        entry.lp_save()

    def is_set() -> bool:
        return _is_done(bugs.read(client, seen.number), change)

    what = f"bug {seen.number} (its tags)"
    try:
        client.change(what, set_tags, is_set)
    except ConflictError:
        # 412: the bug was changed while we looked at it, perhaps in another part.
        client.change(what, set_tags, is_set)
