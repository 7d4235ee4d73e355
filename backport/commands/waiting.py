"""The command that follows the builds on Launchpad: wait."""

from __future__ import annotations

import argparse
import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine.store import Store
from backport.errors import InputError, UsageError
from backport.recipe import reader

if TYPE_CHECKING:
    from backport.launchpad.builds.states import SourceVersion

_FAILED = 4
_MINUTES, _RETRIES, _LINES = 240.0, 3, 40
_UPLOAD = re.compile(r"(?P<series>[a-z]+)/(?P<source>[a-z0-9][a-z0-9+.-]+)=(?P<version>[^\s/]+)")


def register(subs: Subparsers) -> None:
    """Add the command of this group."""
    sub = common.add(subs, "wait", wait, "follow the builds of what was uploaded to the PPA")
    common.select(sub)
    sub.add_argument(
        "--upload",
        action="append",
        default=[],
        metavar="SERIES/SOURCE=VERSION",
        help="wait for this upload; repeatable (default: what the records of upload say)",
    )
    sub.add_argument(
        "--minutes",
        type=float,
        default=_MINUTES,
        metavar="N",
        help="wait at most so long (default: %(default).0f)",
    )
    sub.add_argument(
        "--interval",
        type=float,
        metavar="SECONDS",
        help="ask Launchpad again after so long (default: 60)",
    )
    sub.add_argument(
        "--retries",
        type=int,
        default=_RETRIES,
        metavar="N",
        help="start a build again so often after a problem of the build farm (default: "
        "%(default)s); with 0 no login is needed",
    )
    sub.add_argument(
        "--lines",
        type=int,
        default=_LINES,
        metavar="N",
        help="show so many lines of a failed build's log (default: %(default)s)",
    )


def wait(args: argparse.Namespace) -> int:
    """Wait; 0 if all is published, 4 if something failed or the time is over."""
    from backport.launchpad.api.client import LaunchpadlibClient  # noqa: PLC0415
    from backport.launchpad.api.environment import poll_seconds  # noqa: PLC0415
    from backport.launchpad.builds import text as wait_show  # noqa: PLC0415
    from backport.launchpad.builds import wait as waiting  # noqa: PLC0415
    from backport.launchpad.builds.states import Builds  # noqa: PLC0415
    from backport.launchpad.upload import ppa as ppas  # noqa: PLC0415 - launchpadlib takes its time

    recipe = reader.load(args.recipe, outside=args.outside)
    common.selection(args, recipe)
    if args.interval is None:
        args.interval = poll_seconds(waiting.Bounds.interval)
    for name, unit in (("minutes", "minutes"), ("interval", "seconds")):
        if not 0 < getattr(args, name) < 1e6:
            raise UsageError("this is no time to wait", where=f"--{name}", advice=f"give {unit}")
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    work = common.work_folder(args, recipe)
    login = args.retries > 0
    with closing(LaunchpadlibClient(args.cache / "launchpad", login=login)) as client:
        uploads, notes = _uploads(args, work, str(ppa), client.root)
        with wait_show.shown(common.how(args)) as sink:
            for text in notes:
                sink(waiting.Noted(text))
            bounds = waiting.Bounds(
                limit=args.minutes * 60,
                interval=args.interval,
                retries=max(0, args.retries),
                lines=max(1, args.lines),
            )
            ended = waiting.Wait(Builds(client, ppa), str(ppa), work, sink, bounds).run(uploads)
    common.remake_evidence(args, Store(work))
    return 0 if ended.reason == "all published" else _FAILED


def after_upload(args: argparse.Namespace, uploads: list[str]) -> int:
    """Wait as the command does when it is called with nothing else, for these uploads.

    Parameters:
        args: those of `upload`.
        uploads: each as SERIES/SOURCE=VERSION.
    """
    own = {"upload": uploads, "minutes": _MINUTES, "interval": None}
    counts = {"retries": _RETRIES, "lines": _LINES}
    return wait(argparse.Namespace(**{**vars(args), **own, **counts}))


def _uploads(
    args: argparse.Namespace, work: Path, ppa: str, root: str
) -> tuple[list[SourceVersion], list[str]]:
    """What is waited for, and a note for each upload that is not."""
    from backport.launchpad.builds.states import SourceVersion  # noqa: PLC0415

    if args.upload:
        found = []
        for text in args.upload:
            match = _UPLOAD.fullmatch(text)
            if match is None:
                raise UsageError(
                    f"{text!r} names no upload",
                    where="--upload",
                    advice="write SERIES/SOURCE=VERSION",
                )
            found.append(SourceVersion(match["source"], match["series"], match["version"]))
        return found, []
    return recorded(args, work, ppa, root)


def recorded(
    args: argparse.Namespace, work: Path, ppa: str, root: str
) -> tuple[list[SourceVersion], list[str]]:
    """What was uploaded by the records, and a note for each upload that Launchpad does not have.

    Raises:
        InputError: nothing was.
    """
    from backport.launchpad.builds.states import SourceVersion  # noqa: PLC0415
    from backport.launchpad.upload import journal  # noqa: PLC0415

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
