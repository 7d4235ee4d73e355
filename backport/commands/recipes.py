"""The commands about the recipe: plan, pin, init."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive import first_recipe
from backport.launchpad.archive import pin as pinning
from backport.launchpad.archive.publications import Records
from backport.recipe import reader, versions
from backport.run import plan as planning
from backport.run import plan_text, upgrade_order
from backport.source import dsc


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    sub = common.add(
        subs, "plan", plan, "show the versions, whether they sort upward, and the steps"
    )
    common.select(sub)
    common.add_offline(sub)
    sub.add_argument("--long", action="store_true", help="plan a long run")
    common.add_matrix(sub)
    sub = common.add(subs, "pin", pin, "fill the archive's .dsc files into the recipe")
    common.select_sources(sub)
    text = (
        "pin anew what is pinned: the version that the recipe names, or what the series has now "
        "where the .dsc is of one series"
    )
    sub.add_argument("--update", action="store_true", help=text)
    text = "write a first recipe for other source packages"
    file = ("write this recipe", "backport.toml here")
    sub = common.add(subs, "init", first_recipe.command, text, recipe=file)
    sub.set_defaults(looks_above=False)
    sub.add_argument(
        "names",
        nargs="*",
        metavar="SOURCE[/SERIES]",
        help="source packages; without a .dsc the one of Launchpad's records: what that series "
        "has, or the newest in Ubuntu",
    )
    text = "an Ubuntu series that the update goes to; repeatable"
    sub.add_argument("--series", **common.SEVERAL, required=True, metavar="NAME", help=text)
    without = "that of Launchpad's records"
    common.value(
        sub, "--dsc", "start from this .dsc", without, **common.SEVERAL, type=Path, metavar="FILE"
    )
    text, without = "refer to this Launchpad bug", "%(default)s, none yet"
    common.value(sub, "--bug", text, without, type=int, default=0, metavar="N")
    common.add_offline(sub)


def pin(args: argparse.Namespace) -> int:
    """Pin what is not pinned, and print what was found and the change."""
    recipe = reader.load(args.recipe, outside=args.outside, unpinned=True)
    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client:
        packages, change = pinning.pin(
            recipe,
            Records(args.cache, client, fresh=args.update),
            args.cache,
            sources=args.source,
            update=args.update,
            work=common.work_folder(args, recipe),
        )
    if args.json:
        keys = ("source", "pin", "publication", "signature")
        every = [{key: asdict(package)[key] for key in keys} for package in packages]
        print(json.dumps({"found": every, "change": change}))
    elif not args.quiet:
        lines = "\n".join(map(str, packages)) or "All is pinned already; --update looks again."
        print(f"{lines}\n{change}", end="")
    return 0


def plan(args: argparse.Namespace) -> int:
    """Show the version table, whether every upgrade path sorts upward, and the steps."""
    recipe = reader.load(args.recipe, outside=args.outside, matrix=args.matrix)
    selection = common.selection(args, recipe)
    for pinned in (one for source in recipe.sources for one in source.pins):
        if (file := dsc.at_hand(pinned, args.cache)) is not None:
            dsc.require_format(dsc.read_dsc(file))
    notes: list[str] = []
    work = common.work_folder(args, recipe)
    archive = upgrade_order.archive_versions(
        recipe, args.cache, work, offline=args.offline, note=notes.append
    )
    recipe = versions.with_chosen(recipe, archive)
    steps = planning.make(recipe, selection, "")
    if args.json:
        print(json.dumps(plan_text.as_json(recipe, archive, steps, notes)))
    elif not args.quiet:
        for text in notes:
            common.note(text, args)
        print(plan_text.as_text(recipe, archive, steps))
    upgrade_order.check_upgrades(recipe, archive)
    return 0
