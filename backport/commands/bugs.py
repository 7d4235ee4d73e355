"""The commands about the update's bug on Launchpad: bug, sponsor."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.errors import InputError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import OBSOLETE_SERIES
from backport.launchpad.archive.publications import Records
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug import plan as bug_plan
from backport.launchpad.bug import sponsor as sponsoring
from backport.launchpad.bug.changes import change_json
from backport.launchpad.bug.comments import milestone
from backport.launchpad.bug.plan import WantedBug
from backport.recipe import reader
from backport.recipe.model import Recipe

_REFUSED = 6


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    sub = common.add(subs, "bug", bug, "show how the bug differs from the recipe, and set it")
    sub.add_argument("--set", action="store_true", help="make the changes, after a question")
    sub.add_argument("--yes", action="store_true", help="do not ask (with --set)")
    sub.add_argument(
        "--milestone",
        action="append",
        default=[],
        choices=("uploaded", "published"),
        help="comment, once, on what was reached by the records of upload and wait; repeatable "
        "(default: none)",
    )
    sub.add_argument(
        "--message",
        type=Path,
        metavar="FILE",
        help="post this text as a comment, once (default: none)",
    )
    sub = common.add(
        subs, "sponsor", sponsor, "attach the debdiffs to the bug and subscribe the sponsors"
    )
    common.select(sub)
    sub.add_argument("--dry-run", action="store_true", help="show what would be done")
    sub.add_argument("--yes", action="store_true", help="do not ask")


def bug(args: argparse.Namespace) -> int:
    """Show the bug and the difference; with --set make it as wanted."""
    recipe = reader.load(args.recipe, outside=args.outside)
    number = common.bug_number(recipe)
    with closing(_client(args, login=args.set)) as client:
        wanted = _wanted(args, recipe, client)
        found = bugs.read(client, number, rights=args.set)
        plan = bug_plan.make(found, wanted)
        data = {"event": "bug", **found.to_json(), "notes": plan.notes}
        data["changes"] = [change_json(change) for change in plan.changes]
        common.tell(args, data, f"{found}\n{plan}")
        if not args.set or not plan.changes or not _agreed(args, len(plan.changes)):
            return 0
        applied = bugs.apply(client, found, wanted)
        common.tell(args, applied.to_json(), str(applied))
    if not applied.troubles and not applied.left.changes:
        return 0
    left = "the bug has changed meanwhile, and is not as wanted; run the command again"
    if not args.json:
        print(f"backport: {applied.troubles[0][1] if applied.troubles else left}.", file=sys.stderr)
    return _REFUSED


def sponsor(args: argparse.Namespace) -> int:
    """Attach what is missing and subscribe the team, after a question."""
    recipe = common.as_made(args, reader.load(args.recipe, outside=args.outside))
    number = common.bug_number(recipe)
    work = common.work_folder(args, recipe)
    with closing(_client(args, login=not args.dry_run)) as client:
        records = Records(args.cache, client)
        pairs = common.pairs(args, recipe)
        debdiffs, notes = sponsoring.find(recipe, pairs, records, work, args.cache)
        for text in notes:
            common.note(text, args)
        todo = sponsoring.missing(client, number, debdiffs)
        titles = [debdiff.title for debdiff in todo.debdiffs]
        teams = [sponsoring.TEAM] if todo.subscription else []
        lines = [f"to attach to bug {number}: {title}" for title in titles]
        lines += [f"to subscribe: {team}" for team in teams]
        if not todo:
            lines = [f"bug {number} has every debdiff, and {sponsoring.TEAM} is subscribed."]
        data = {"event": "sponsor", "number": number, "attach": titles, "subscribe": teams}
        common.tell(args, data, "\n".join(lines))
        if args.dry_run or not todo or not _agreed(args, len(todo)):
            return 0
        for done in sponsoring.carry_out(client, number, debdiffs):
            common.tell(args, {"event": "done", "what": done}, f"done: {done}")
    return 0


def _client(args: argparse.Namespace, *, login: bool) -> LaunchpadlibClient:
    return LaunchpadlibClient(args.cache / "launchpad", login=login)


def _wanted(args: argparse.Namespace, recipe: Recipe, client: LaunchpadlibClient) -> WantedBug:
    work = common.work_folder(args, recipe)
    comments = [
        milestone(recipe, work, client.root, name) for name in dict.fromkeys(args.milestone)
    ]
    if args.message:
        comments.append(_message(args.message))
    affected = {source.name: source.series for source in recipe.sources}
    affected.update({retired.name: retired.series for retired in recipe.retired})
    return WantedBug(
        affected=affected,
        uploaded=frozenset((one.name, series) for one in recipe.sources for series in one.series),
        obsolete=frozenset(
            one.name for one in recipe.series if client.series_status(one.name) == OBSOLETE_SERIES
        ),
        text=recipe.bug_text,
        status=recipe.bug_text.status if recipe.bug_text else "",
        comments=tuple(comments),
    )


def _message(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the message cannot be read: {error}", where=str(path)) from error
    if not text:
        raise InputError("the message is empty", where=str(path), advice="write the comment")
    return text


def _agreed(args: argparse.Namespace, count: int) -> bool:
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to be asked", where="--yes", advice="say --yes to make the changes"
        )
    return common.agreed(f"Make {count} change{'s' if count > 1 else ''} on Launchpad?")
