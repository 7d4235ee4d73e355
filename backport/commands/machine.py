"""The commands about this machine: doctor, shell, clean."""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict

from backport import doctor as machine
from backport.build import sbuild
from backport.builder import sandbox
from backport.check import lintian
from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine import outputs
from backport.engine.step import StepId
from backport.engine.store import Store
from backport.environments import chroot, localrepo, prepared
from backport.errors import BackportError, InputError, MachineError, UsageError
from backport.launchpad.upload import dput
from backport.recipe import reader
from backport.run import clean as cleaning
from backport.testbed import host, lxc
from backport.testbed.lxc import Testbed


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    common.add(subs, "doctor", doctor, "say what this machine lacks, and what installs it")
    sub = common.add(subs, "shell", shell, "open a shell in a kept chroot or a testbed")
    sub.add_argument("--series", required=True, metavar="NAME", help="of this series")
    sub.add_argument("--source", required=True, metavar="NAME", help="of this source package")
    sub = common.add(subs, "clean", clean, "remove old steps, never the evidence")
    sub.add_argument(
        "--older-than",
        type=float,
        required=True,
        metavar="DAYS",
        help="remove the steps that were made so long ago, and bases that no other step uses",
    )
    sub.add_argument("--dry-run", action="store_true", help="show what would go; remove nothing")


def doctor(args: argparse.Namespace) -> int:
    """Say what this machine lacks, the command that installs it, and what works without."""
    work = args.work or args.recipe.parent / "build"
    every = [
        *machine.missing_programs(),
        *machine.missing_room(work),
        *machine.missing_memory(),
        *sandbox.check(),
        *dput.check(),
        *host.check(old_systemd=_has_old_series(args)),
    ]
    missing = list({lack.what: lack for lack in every}.values())
    told = machine.verdict(missing)
    for lack in missing:
        if args.json:
            print(json.dumps(asdict(lack)))
        else:
            print(f"missing: {lack.what} ({lack.why}); run: {lack.command}")
    if (version := lintian.installed()) not in ("", lintian.REVIEWED):
        note = f"lintian is {version}; an error that {lintian.REVIEWED} does not have is a note"
        print(json.dumps({"note": note}) if args.json else f"note: {note}")
    if args.json:
        print(json.dumps({"verdict": told}))
    elif missing or not args.quiet:
        print(told)
    return MachineError.exit_code if missing else 0


def _has_old_series(args: argparse.Namespace) -> bool:
    """Whether the recipe has a series before 17.04, the first whose systemd is 232."""
    try:
        recipe = reader.load(args.recipe, outside=args.outside)
        return any(series.version < "17.04" for series in recipe.series)
    except BackportError:
        return False  # what is wrong with a recipe is told by the commands that need it


def shell(args: argparse.Namespace) -> int:
    """Open a root shell in the chroot that a failed build left, else in a testbed of the series.

    The testbed has all that was built set up in apt. No run has the work folder meanwhile.

    Raises:
        InputError: the series has not been built yet. MachineError: a run has the work folder.
    """
    recipe = reader.load(args.recipe, outside=args.outside)
    common.selection(args, recipe)
    store, series, source = Store(common.work_folder(args, recipe)), args.series, args.source
    ids = [StepId("build", series, source, one) for one in ("", *(v.name for v in recipe.variants))]
    places = [outputs.kept_chroot(store, one) for one in ids]
    if kept := [root for one in places for root in sorted(one.glob("*/bin"))]:
        with store.locked():
            return sbuild.shell(kept[0].parent)
    folder = store.folder(StepId("base", series))
    if not (folder / prepared.FILE).is_file():
        raise InputError(
            f"there is no testbed for {series} yet",
            where=str(store.work),
            advice=f"run: backport build --series {series} --source {source}",
        )
    base = prepared.read(folder)
    builds = [store.folder(StepId("build", series, one.name)) for one in recipe.sources]
    with store.locked(), store.temporary(f"shell/{series}") as scratch:
        debs = outputs.built_debs(folder for folder in builds if folder.is_dir())
        built = localrepo.publish(debs, scratch / "built")
        with Testbed(base.testbed_root, {"built": built, "base": base.repository}) as testbed:
            return lxc.shell(testbed)


def clean(args: argparse.Namespace) -> int:
    """Remove old steps and bases, and what a kill left; never the evidence."""
    if not 0 <= args.older_than < math.inf:
        raise UsageError("this is no number of days", where="--older-than", advice="give 0 or more")
    recipe = reader.load(args.recipe, outside=args.outside)
    store = Store(common.work_folder(args, recipe))
    before = time.time() - args.older_than * 86400
    with store.locked():
        left = cleaning.left_by_kills(args.cache, remove=not args.dry_run)
        for path in list(cleaning.old(store, before)):
            if not args.dry_run:
                if path.is_dir() and not path.is_symlink():
                    chroot.remove_tree(path)
                else:
                    path.unlink()
            left.append(str(path))
    for what in left:
        data = {"event": "removed", "path": what, "dry_run": args.dry_run}
        common.tell(args, data, f"{'would remove' if args.dry_run else 'removed'} {what}")
    return 0
