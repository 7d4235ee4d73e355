"""The command that compares the source packages with what the series have: debdiff."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import TYPE_CHECKING

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine.store import Store
from backport.recipe import reader

if TYPE_CHECKING:
    from backport.launchpad.api.client import LaunchpadlibClient


def register(subs: Subparsers) -> None:
    """Add the command of this group."""
    text = "compare the source packages with what each series has, by Launchpad's records"
    sub = common.add(subs, "debdiff", debdiff, text)
    common.select(sub)
    common.add_offline(sub)


def debdiff(args: argparse.Namespace) -> int:
    """Write a debdiff for every source package that a series has in another version."""
    from backport.launchpad.api.client import LaunchpadlibClient  # noqa: PLC0415
    from backport.launchpad.archive import debdiff as archive_diff  # noqa: PLC0415 - launchpadlib takes its time
    from backport.launchpad.archive.publications import Records  # noqa: PLC0415

    recipe = common.as_made(args, reader.load(args.recipe, outside=args.outside))
    store = Store(common.work_folder(args, recipe))
    pairs = common.pairs(args, recipe)
    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client, store.locked():
        asked: LaunchpadlibClient | None = None if args.offline else client
        records = Records(args.cache, asked)
        for pair in pairs:
            made = archive_diff.compare(
                recipe, pair, records, store.work, args.cache, offline=args.offline
            )
            files = f"\n  {made.path}\n  lines to read: {made.weight}" if made.path else ""
            common.tell(args, {"event": "debdiff", **made.record}, f"{made.told}{files}")
    return 0
