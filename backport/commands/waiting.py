"""The command that follows the builds on Launchpad: wait."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine.store import Store
from backport.errors import InputError, StepError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.environment import poll_seconds
from backport.launchpad.builds import wait as waiting
from backport.launchpad.builds.states import SourceVersion
from backport.launchpad.upload import journal
from backport.launchpad.upload import ppa as ppas
from backport.recipe import reader


def register(subs: Subparsers) -> None:
    """Add the command of this group."""
    sub = common.add(subs, "wait", wait, "follow the builds of what was uploaded to the PPA")
    common.select(sub)
    add_minutes(sub)


def add_minutes(sub: argparse.ArgumentParser) -> None:
    """Add the option that limits a wait for builds."""
    text, usual = "wait at most so long for builds", "%(default).0f"
    common.value(sub, "--minutes", text, usual, type=float, default=240.0, metavar="N")


def longest(args: argparse.Namespace) -> float:
    """The seconds that a wait for builds may take.

    Raises:
        UsageError: `--minutes` is no such time.
    """
    if not 0 < args.minutes < 1e6:
        raise UsageError("this is no time to wait", where="--minutes", advice="give minutes")
    return float(args.minutes) * 60


def wait(args: argparse.Namespace, uploads: list[SourceVersion] | None = None) -> int:
    """Wait; 0 if all is published, 4 if something failed or the time is over.

    Parameters:
        uploads: what is waited for; without it what the records of `upload` name.
    """
    recipe = reader.load(args.recipe, outside=args.outside)
    common.selection(args, recipe)
    interval, seconds = poll_seconds(60.0), longest(args)
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    work = common.work_folder(args, recipe)

    def tell(data: Mapping[str, object], text: str) -> None:
        passes = data.get("reason", waiting.ALL_PUBLISHED) == waiting.ALL_PUBLISHED
        if args.json:
            print(json.dumps(data), flush=True)
        elif not (args.quiet and passes and data["event"] not in ("failed", "note")):
            print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    with closing(LaunchpadlibClient(args.cache / "launchpad", login=True)) as client:
        if uploads is None:
            uploads, notes = recorded(args, work, str(ppa), client.root)
            for text in notes:
                tell({"event": "note", "text": text}, f"note: {text}")
        ended = waiting.Wait(client, ppa, work, tell, seconds, interval).run(uploads)
    common.remake_evidence(args, Store(work))
    return 0 if ended == waiting.ALL_PUBLISHED else StepError.exit_code


def recorded(
    args: argparse.Namespace, work: Path, ppa: str, root: str
) -> tuple[list[SourceVersion], list[str]]:
    """What was uploaded by the records, and a note for each upload that Launchpad does not have.

    Raises:
        InputError: nothing was.
    """
    newest = journal.newest(
        upload
        for upload in journal.read(work, ppa, root)
        if upload.series in (args.series or (upload.series,))
        and upload.source in (args.source or (upload.source,))
    )
    sent = [upload for upload in newest.values() if upload.state in ("sent", "accepted")]
    notes = [
        f"{upload.series}/{upload.source} {upload.version} is {upload.state} and is not waited for"
        for upload in newest.values()
        if upload not in sent
    ]
    if not sent:
        raise InputError(
            "; ".join(notes) or f"nothing was uploaded to {ppa} yet",
            where=str(work / journal.FOLDER),
            advice="run: backport upload",
        )
    return [SourceVersion(one.source, one.series, one.version) for one in sent], notes
