"""The commands about the recipe: plan, pin, init."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.recipe import reader, upgrade_order, versions
from backport.run import plan as planning
from backport.run import plan_text


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    sub = common.add(subs, "plan", plan, "show the versions, their proof, and the steps")
    common.select(sub)
    sub.add_argument("--offline", action="store_true", help="ask nobody")
    sub.add_argument("--long", action="store_true", help="with the tests of a long run")
    common.add_matrix(sub)
    sub = common.add(subs, "pin", pin, "fill the archive's .dsc files into the recipe")
    sub.add_argument("--source", action="append", default=[], metavar="NAME", help="only these")
    sub.add_argument("--update", action="store_true", help="replace pins that are there")
    sub.add_argument("--dry-run", action="store_true", help="show the change only")
    sub = common.add(subs, "init", init, "write a first recipe for another source package")
    sub.add_argument("name", metavar="SOURCE", help="the source package")
    sub.add_argument("--series", action="append", required=True, metavar="NAME")
    sub.add_argument("--dsc", type=Path, metavar="FILE", help="its .dsc, as a local file")
    sub.add_argument("--bug", type=int, default=0, metavar="N", help="the Launchpad bug")
    sub.add_argument(
        "--maintainer",
        default="",
        metavar="WHO",
        help='"Name <address>" (DEBFULLNAME and DEBEMAIL without it)',
    )
    sub.add_argument("--offline", action="store_true", help="ask nobody")


def plan(args: argparse.Namespace) -> int:
    """Show the version table, the proof that every upgrade path sorts upward, and the steps."""
    recipe = reader.load(args.recipe, outside=args.outside, matrix=args.matrix)
    selection = common.selection(args, recipe)
    notes: list[str] = []
    archive = common.archive_versions(recipe, args, notes.append)
    recipe = versions.with_chosen(recipe, archive)
    steps = planning.make(recipe, selection, "")
    if args.json:
        print(json.dumps(plan_text.as_json(recipe, archive, steps, notes)))
    elif not args.quiet:
        for text in notes:
            common.note(text, args)
        print(plan_text.as_text(recipe, archive, steps))
    upgrade_order.refuse_downward(recipe, archive)
    return 0


def pin(args: argparse.Namespace) -> int:
    """Fill the pins of the archive's .dsc files into the recipe."""
    from backport.launchpad.archive import pin as pinning  # noqa: PLC0415

    return pinning.command(args)


def init(args: argparse.Namespace) -> int:
    """Write a first recipe for another source package."""
    from backport.launchpad.archive import first_recipe  # noqa: PLC0415

    return first_recipe.command(args)
