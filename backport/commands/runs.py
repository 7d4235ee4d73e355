"""The commands that look at what a run made: log, time, debdiff."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import closing

from backport.build import sbuild
from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine import schedule
from backport.engine.step import StepId
from backport.engine.store import Store
from backport.errors import InputError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive import debdiff as archive_diff
from backport.launchpad.archive.publications import Records
from backport.recipe import reader
from backport.sru import run_record

_WORKERS = (1, 2, 4, 8, 16, 24, 64)
# How long to wait before the log of a running build is read again, in seconds.
_INTERVAL = 0.5


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    text = "print the log of a build, of a running one too"
    sub = common.add(subs, "log", log, text, told=False)
    sub.add_argument("build", metavar="SERIES/SOURCE", help="the build, such as jammy/hello")
    sub.add_argument(
        "--follow", action="store_true", help="go on with a running build's log until it ends"
    )
    common.add(subs, "time", times, "show where the time of the last run went")
    text = "compare the source packages with what each series has, by Launchpad's records"
    sub = common.add(subs, "debdiff", debdiff, text)
    common.select(sub)
    common.add_offline(sub)


def log(args: argparse.Namespace) -> int:
    """Print the log of a build; with --follow until the build has ended."""
    recipe = reader.load(args.recipe, outside=args.outside)
    store = Store(common.work_folder(args, recipe))
    series, _, built = args.build.partition("/")
    source, _, variant = built.partition("+")
    build = StepId("build", series, source, variant)
    running = store.work / "scratch" / str(build).replace("/", "_")
    file = sbuild.running_log(running) or store.folder(build) / sbuild.LOG
    if not file.is_file():
        raise InputError(
            f"there is no log of a build of {args.build}",
            where=str(store.work),
            advice="name one as SERIES/SOURCE; a variant's as SERIES/SOURCE+VARIANT",
        )
    with file.open(encoding="utf-8", errors="replace") as stream:
        while True:
            # Asked before the text is read: what the build wrote last is not lost.
            goes_on = args.follow and running.is_dir() and store.in_use()
            while text := stream.read(65536):
                sys.stdout.write(text)
            sys.stdout.flush()
            if not goes_on:
                return 0
            time.sleep(_INTERVAL)


def times(args: argparse.Namespace) -> int:
    """Show the time of each kind of step, the critical path, and what more workers save."""
    work = common.work_folder(args, reader.load(args.recipe, outside=args.outside))
    record = run_record.read(work)
    store = Store(work)
    steps = {step.id: step for step in record.steps}
    seconds = {name: store.seconds(name) or 0.0 for name in steps}
    made = schedule.replay(steps, seconds, _WORKERS)
    kinds: dict[str, tuple[int, float]] = {}
    for name, step in steps.items():
        count, total = kinds.get(step.id.kind, (0, 0.0))
        kinds[step.id.kind] = (count + 1, total + seconds[name])
    if args.json:
        told = {kind: {"steps": count, "seconds": total} for kind, (count, total) in kinds.items()}
        path = [(str(name), length) for name, length in made.path]
        data = {"kinds": told, "work": made.work, "path": path, "workers": made.total}
        print(json.dumps(data))
        return 0
    print("Each step's time is that of the run that made it.\n")
    print(f"{'kind':10}{'steps':>6}{'seconds':>9}{'share':>8}")
    for kind, (count, total) in sorted(kinds.items(), key=lambda item: -item[1][1]):
        print(f"{kind:10}{count:6}{total:9.0f}{total / (made.work or 1):8.0%}")
    print(f"{'together':10}{len(steps):6}{made.work:9.0f}\n")
    print(f"Critical path, {sum(length for _, length in made.path):.0f} s:")
    for name, length in made.path:
        print(f"  {length:6.0f} s  {name!s}")
    print("\nBy the same lengths the run takes:")
    for number, total in made.total.items():
        print(f"  {total:6.0f} s  with {number} at the same time")
    return 0


def debdiff(args: argparse.Namespace) -> int:
    """Write a debdiff for every source package that a series has in another version."""
    recipe = common.as_made(args, reader.load(args.recipe, outside=args.outside))
    store = Store(common.work_folder(args, recipe))
    pairs = common.pairs(args, recipe)
    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client, store.locked():
        asked: LaunchpadlibClient | None = None if args.offline else client
        records = Records(args.cache, asked)
        for pair in pairs:
            record, path = archive_diff.compare(
                recipe, pair, records, store.work, args.cache, offline=args.offline
            )
            lines = ", ".join(f"{part} {count}" for part, count in record.get("lines", {}).items())
            files = f"\n  {path}\n  lines to read: {lines}" if path else ""
            common.tell(args, {"event": "debdiff", **record}, f"{record['told']}{files}")
    return 0
