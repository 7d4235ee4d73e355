"""The commands about the update's bug on Launchpad: bug, sponsor."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.errors import InputError, RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import OBSOLETE_SERIES
from backport.launchpad.archive.publications import Records
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug import plan as bug_plan
from backport.launchpad.bug import sponsor as sponsoring
from backport.launchpad.bug.plan import BugPlan, WantedBug
from backport.launchpad.builds import states
from backport.launchpad.upload import journal
from backport.launchpad.upload import ppa as ppas
from backport.recipe import reader
from backport.recipe.model import Recipe

_MILESTONES = {
    "uploaded": "These packages were uploaded to {} for testing:",
    "published": "All builds of these packages are published in {}:",
}


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    sub = common.add(subs, "bug", bug, "show how the bug differs from the recipe, and set it")
    sub.add_argument("--set", action="store_true", help="make the changes, after a question")
    sub.add_argument("--yes", action="store_true", help="do not ask (with --set)")
    text, known = "post a comment, once, that this was reached", tuple(_MILESTONES)
    common.value(sub, "--milestone", text, "none", **common.SEVERAL, choices=known)
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
    with closing(LaunchpadlibClient(args.cache / "launchpad", login=args.set)) as client:
        wanted = _wanted(args, recipe, client)
        there = bugs.read(client, number, rights=args.set)
        plan = bug_plan.make(there, wanted)
        common.tell(args, {"event": "bug", **asdict(there), **plan.to_json()}, f"{there}\n{plan}")
        if not args.set or not plan.changes or not _agreed(args, len(plan.changes)):
            return 0
        applied = bugs.apply(client, there, wanted, partial(common.tell, args))
        common.tell(args, {"event": "left", **applied.left.to_json()}, str(applied.left))
    if not applied.troubles and not applied.left.changes:
        return 0
    left = "the bug has changed meanwhile, and is not as wanted; run the command again"
    if not args.json:
        print(f"backport: {applied.troubles[0][1] if applied.troubles else left}.", file=sys.stderr)
    return RemoteError.exit_code


def sponsor(args: argparse.Namespace) -> int:
    """Attach what is missing and subscribe the team, after a question."""
    recipe = common.as_made(args, reader.load(args.recipe, outside=args.outside))
    number = common.bug_number(recipe)
    work = common.work_folder(args, recipe)
    with closing(LaunchpadlibClient(args.cache / "launchpad", login=not args.dry_run)) as client:
        records = Records(args.cache, client)
        pairs = common.pairs(args, recipe)
        debdiffs, notes = sponsoring.find(recipe, pairs, records, work, args.cache)
        plan = BugPlan(sponsoring.missing(client, number, debdiffs), tuple(notes))
        text = f"LP: #{number}\n{plan}"
        common.tell(args, {"event": "sponsor", "number": number, **plan.to_json()}, text)
        if not args.dry_run and plan.changes and _agreed(args, len(plan.changes)):
            sponsoring.carry_out(client, number, debdiffs, partial(common.tell, args))
    return 0


def _wanted(args: argparse.Namespace, recipe: Recipe, client: LaunchpadlibClient) -> WantedBug:
    work = common.work_folder(args, recipe)
    comments = [_comment(recipe, work, client.root, name) for name in dict.fromkeys(args.milestone)]
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


def _comment(recipe: Recipe, work: Path, root: str, milestone: str) -> str:
    """The comment on a milestone, which the records have to have reached.

    The same records give the same text, so that a comment that is there is known again.
    """
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    every = journal.read(work, str(ppa), root)
    newest = journal.newest(one for one in every if one.state in ("sent", "accepted"))
    lines = [_MILESTONES[milestone].format(ppa), ""]
    for series in recipe.series:
        for source in recipe.sources:
            if upload := newest.get((series.name, source.name)):
                line = f"{series.name}: {source.name} {upload.version}"
                if milestone == "published":
                    builds = states.read(work, upload).builds
                    line += f" (built on {', '.join(sorted(build.arch for build in builds))})"
                lines.append(line)
    if not lines[-1]:
        raise InputError(
            f"nothing was uploaded to {ppa} yet",
            where=str(work / journal.FOLDER),
            advice="run: backport upload",
        )
    return "\n".join(lines)


def _agreed(args: argparse.Namespace, count: int) -> bool:
    if args.yes:
        return True
    common.require_somebody("--yes", "say --yes to make the changes")
    return common.agreed(f"Make {count} change{'s' if count > 1 else ''} on Launchpad?")
