"""The commands for the person on the checklist: verify, report."""

from __future__ import annotations

import argparse
import hashlib
import json
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backport import atomic
from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine import records
from backport.errors import InputError, StepError, UsageError
from backport.recipe import reader, versions
from backport.recipe.model import Recipe
from backport.source.files import sha256_of

if TYPE_CHECKING:
    from backport.sru.checklist_data import Checklist
    from backport.sru.facts import Facts
    from backport.sru.posting import Posted

CHECKLIST = "checklist.json"


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    text = "show what is done and missing until the update is verified, by what evidence"
    sub = common.add(subs, "verify", verify, text)
    sub.add_argument(
        "--evidence",
        type=Path,
        metavar="DIR",
        help="read this folder of evidence (default: the newest)",
    )
    sub.add_argument("--test", action="store_true", help="test the packages in -proposed first")
    sub.add_argument(
        "--base",
        default="",
        metavar="KIND",
        help="with --test, test on this base, ubuntu or stand-in (default: ubuntu)",
    )
    common.add_jobs(sub)
    sub.add_argument("--post", action="store_true", help="post the comment and change the tags")
    sub.add_argument("--dry-run", action="store_true", help="show what --post would write")
    common.add_offline(sub)
    sub = common.add(subs, "report", report, "write the report of the update as one page")
    sub.add_argument(
        "--evidence",
        type=Path,
        metavar="PATH",
        help="read this evidence, a folder or a .tar.zst file (default: the newest)",
    )
    sub.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the page to this file (default: beside the evidence)",
    )
    sub.add_argument(
        "--markdown", action="store_true", help="print it as Markdown, for a comment on the bug"
    )


def verify(args: argparse.Namespace) -> int:
    """Print the checklist, write it for the report, and post it when asked."""
    from backport.launchpad.api.client import LaunchpadlibClient  # noqa: PLC0415
    from backport.sru import check, checklist, comment, facts, posting, service_verdicts  # noqa: PLC0415

    if args.offline and (args.post or args.test):
        raise UsageError("this needs Launchpad", where="--offline", advice="leave it out")
    recipe = common.as_made(args, reader.load(args.recipe, outside=args.outside))
    work = common.work_folder(args, recipe)
    with closing(LaunchpadlibClient(args.cache / "launchpad", login=args.post)) as client:
        if not args.test:
            _evidence(args, work, proposed=True)  # before Launchpad is asked for nothing
        known = facts.NOT_ASKED if args.offline else facts.read(recipe, client)
        if args.test:
            _test(args, recipe, work, known)
        folder, checked_sha = _evidence(args, work, proposed=True)
        found = check.sound(folder, "it proves nothing")
        recipe = versions.as_made(recipe, found.versions)
        service = service_verdicts.read(folder, found).tests
        made = _recorded(
            checklist.make(recipe, found, known, sha256=checked_sha, service=service),
            known,
            folder.parent,
        )
        atomic.write(work / CHECKLIST, json.dumps(asdict(made), indent=1) + "\n")
        comments = {
            series.name: comment.make(
                recipe, folder, found, known, checklist=made, series=series.name, service=service
            )
            for series in recipe.series
        }
        _tell(args, made, comments, known)
        _page(args, folder, folder.parent / f"{folder.name}.html", made)
        if args.post and not args.dry_run:
            tags = known.bug.tags if known.bug is not None else ()
            done = [tag for tag in tags if tag.startswith("verification-done-")]
            if done and not made.tags:
                text = f"Nothing is posted: {', '.join(done)} is set already."
                common.tell(args, {"event": "posted", "done": done}, text)
            elif not made.tags or known.bug is None:
                raise StepError(
                    "nothing is posted, since no series is proved whole",
                    where=f"LP: #{recipe.bug}",
                    advice="the checklist says what is missing",
                )
            else:
                _post(args, posting.post(client, known.bug, made.tags, comments))
    return 0 if made.tags or not made.count("missing") else 4


def _recorded(made: Checklist, known: Facts, home: Path) -> Checklist:
    """The checklist with the file that keeps what Launchpad said; that is written here."""
    if not known.asked:
        return made
    path = home / f"{made.evidence}.launchpad.json"
    text = json.dumps(known.to_json(), indent=1, sort_keys=True) + "\n"
    atomic.write(path, text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return replace(made, record=path.name, record_sha256=digest)


def _post(args: argparse.Namespace, posted: tuple[Posted, ...]) -> None:
    """Tell what was posted."""
    for one in posted:
        done = [name for name in ("comment", "tags") if getattr(one, name)]
        said = " and ".join(done) if done else "nothing: all was there already"
        data = {"event": "posted", "series": one.series, "posted": done}
        common.tell(args, data, f"Posted for {one.series}: {said}.")


def _test(args: argparse.Namespace, recipe: Recipe, work: Path, known: Facts) -> None:
    from backport.environments import choose  # noqa: PLC0415
    from backport.run import ui  # noqa: PLC0415
    from backport.run.actions import Options  # noqa: PLC0415
    from backport.sru import proposed  # noqa: PLC0415

    proposed.published(recipe, known)  # before anything is prepared
    base, _ = choose.choose(recipe, args.base or "ubuntu")
    with ui.shown(common.how(args)) as sink:
        proposed.run(recipe, known, work, base, Options(args.cache), jobs=args.jobs, sink=sink)


def report(args: argparse.Namespace) -> int:
    """Write the page, or print it as Markdown."""
    from backport.sru import check  # noqa: PLC0415

    # Evidence from elsewhere says itself what it is about.
    alone = args.evidence is not None and not args.recipe.is_file()
    work = (
        (args.work or Path("build"))
        if alone
        else common.work_folder(args, reader.load(args.recipe, outside=args.outside))
    )
    if args.evidence is None or args.evidence.is_dir():
        folder, _ = _evidence(args, work, proposed=False)
        return _report(args, folder, folder, work)
    with check.opened(args.evidence) as folder:
        # What an archive holds is there for this moment only: no link leads into it.
        return _report(args, folder, None, work)


def _report(args: argparse.Namespace, folder: Path, linked: Path | None, work: Path) -> int:
    from backport.sru import report as reports  # noqa: PLC0415
    from backport.sru.checklist_data import Checklist  # noqa: PLC0415

    home = linked.parent if linked else args.evidence.parent
    out = args.out or home / f"{folder.name}.html"
    known: Checklist | None = None
    if (path := work / CHECKLIST).exists():
        what, advice = "this checklist cannot be read", "run: backport verify"
        known = records.load(Checklist, path, what=what, advice=advice)
    # A checklist of other evidence says nothing about this one.
    known = known if known and known.evidence == folder.name else None
    if args.markdown:
        text = reports.as_markdown(reports.make(folder, None, checklist=known))
        if args.out:
            atomic.write(args.out, text)
        common.tell(args, {"event": "report", "markdown": text}, text.rstrip("\n"))
        return 0
    _page(args, folder, out, known, linked=linked is not None)
    return 0


def _page(
    args: argparse.Namespace,
    folder: Path,
    out: Path,
    known: Checklist | None,
    *,
    linked: bool = True,
) -> None:
    """Write the page; where it is `linked`, with links to the evidence's files."""
    from backport.sru import report as reports  # noqa: PLC0415

    made = reports.make(folder, out if linked else None, checklist=known)
    atomic.write(out, reports.as_html(made))
    common.tell(args, {"event": "report", "path": out}, f"The report is in {out}")


def _evidence(args: argparse.Namespace, work: Path, *, proposed: bool) -> tuple[Path, str]:
    """The folder of the evidence, and its archive's sha256."""
    places = [work / "proposed" / "evidence" / "latest", work / "evidence" / "latest"]
    found = [path for path in places if path.exists()]
    if not proposed:
        found.sort(key=lambda path: -path.resolve().stat().st_mtime)
    folder = args.evidence or (found[0] if found else None)
    if folder is None or not folder.is_dir():
        raise InputError(
            "there is no evidence yet" if folder is None else "this is no folder of evidence",
            where=str(folder or work / "evidence"),
            advice="run: backport run",
        )
    folder = folder.resolve()
    packed = folder.with_name(f"{folder.name}.tar.zst")
    if not packed.is_file():
        raise InputError(
            "the evidence's archive is not beside its folder, so its hash is not known",
            where=str(packed),
            advice="run: backport evidence",
        )
    return folder, sha256_of(packed)


def _tell(
    args: argparse.Namespace, made: Checklist, comments: dict[str, str], known: Facts
) -> None:
    from backport.sru import checklist_text  # noqa: PLC0415

    if args.json:
        data = {**asdict(made), "troubles": known.troubles, "comments": comments}
        print(json.dumps({"event": "checklist", **data}))
        return
    print(checklist_text.as_text(made, quiet=args.quiet))
    for trouble in known.troubles:
        print(f"Not read: {trouble}.")
    if args.dry_run or args.post:
        for change in made.tags:
            print(f"\nThe comment for {change.series}:\n\n{comments[change.series]}\n")
            print(f"Tags: + {change.add}  - {', '.join(change.remove)}")
