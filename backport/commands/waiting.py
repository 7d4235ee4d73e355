"""The command that follows the builds on Launchpad: wait."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine.store import Store
from backport.errors import InputError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.environment import poll_seconds
from backport.launchpad.builds import wait as waiting
from backport.launchpad.builds.states import Builds, SourceVersion
from backport.launchpad.upload import journal
from backport.launchpad.upload import ppa as ppas
from backport.recipe import reader

_FAILED = 4
_MINUTES, _RETRIES = 240.0, 3


def register(subs: Subparsers) -> None:
    """Add the command of this group."""
    sub = common.add(subs, "wait", wait, "follow the builds of what was uploaded to the PPA")
    common.select(sub)
    sub.add_argument(
        "--minutes",
        type=float,
        default=_MINUTES,
        metavar="N",
        help="wait at most so long (default: %(default).0f)",
    )
    sub.add_argument(
        "--retries",
        type=int,
        default=_RETRIES,
        metavar="N",
        help="start a build again so often after a problem of the build farm (default: "
        "%(default)s); with 0 no login is needed",
    )


def after_upload(args: argparse.Namespace, uploads: list[SourceVersion]) -> int:
    """Wait for these uploads, as the command does without options; `args` are those of `upload`."""
    return wait(
        argparse.Namespace(**{**vars(args), "minutes": _MINUTES, "retries": _RETRIES}), uploads
    )


def wait(args: argparse.Namespace, uploads: list[SourceVersion] | None = None) -> int:
    """Wait; 0 if all is published, 4 if something failed or the time is over."""
    recipe = reader.load(args.recipe, outside=args.outside)
    common.selection(args, recipe)
    interval = poll_seconds(waiting.Bounds.interval)
    if not 0 < args.minutes < 1e6:
        raise UsageError("this is no time to wait", where="--minutes", advice="give minutes")
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    work = common.work_folder(args, recipe)

    def tell(data: dict[str, Any], text: str) -> None:
        passes = data.get("reason", waiting.ALL_PUBLISHED) == waiting.ALL_PUBLISHED
        if args.json:
            print(json.dumps(data), flush=True)
        elif not (args.quiet and passes and data["event"] not in ("failed", "note")):
            print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    with closing(LaunchpadlibClient(args.cache / "launchpad", login=args.retries > 0)) as client:
        if uploads is None:
            uploads, notes = recorded(args, work, str(ppa), client.root)
            for text in notes:
                tell({"event": "note", "text": text}, f"note: {text}")
        bounds = waiting.Bounds(args.minutes * 60, interval, max(0, args.retries))
        ended = waiting.Wait(Builds(client, ppa), str(ppa), work, tell, bounds).run(uploads)
    common.remake_evidence(args, Store(work))
    return 0 if ended == waiting.ALL_PUBLISHED else _FAILED


def recorded(
    args: argparse.Namespace, work: Path, ppa: str, root: str
) -> tuple[list[SourceVersion], list[str]]:
    """What was uploaded by the records, and a note for each upload that Launchpad does not have.

    Raises:
        InputError: nothing was.
    """
    newest = journal.newest(
        one
        for one in journal.read(work, ppa, root)
        if one.series in (args.series or (one.series,))
        and one.source in (args.source or (one.source,))
    )
    sent = [one for one in newest.values() if one.state in ("sent", "accepted")]
    notes = [
        f"{one.series}/{one.source} {one.version} is {one.state} and is not waited for"
        for one in newest.values()
        if one not in sent
    ]
    if not sent:
        raise InputError(
            "; ".join(notes) or f"nothing was uploaded to {ppa} yet",
            where=str(work / journal.FOLDER),
            advice="run: backport upload",
        )
    return [SourceVersion(one.source, one.series, one.version) for one in sent], notes
