"""The commands for the person on the checklist: verify, report."""

from __future__ import annotations

import argparse
import hashlib
import json
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from backport import atomic
from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine import records
from backport.environments import choose
from backport.errors import InputError, StepError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.recipe import reader, versions
from backport.run import ui
from backport.run.actions import Options
from backport.source.files import sha256_of
from backport.sru import check, checklist, checklist_data, comment, facts, proposed
from backport.sru import report as reports
from backport.sru.checklist_data import Checklist
from backport.sru.facts import Facts
from backport.sru.proof import Proofs
from backport.sru.report_data import Report


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    text = "show what is done and missing until the update is verified, by what evidence"
    sub = common.add(subs, "verify", verify, text)
    text, without = "read this folder of evidence", "that of build/proposed, else the newest"
    common.value(sub, "--evidence", text, without, type=Path, metavar="PATH")
    sub.add_argument("--test", action="store_true", help="test the packages in -proposed first")
    text = "with --test, test on this base, ubuntu or stand-in"
    common.value(sub, "--base", text, default="ubuntu", metavar="KIND")
    common.add_jobs(sub)
    sub.add_argument("--post", action="store_true", help="post the comment and change the tags")
    sub.add_argument("--dry-run", action="store_true", help="show what --post would write")
    common.add_offline(sub)
    sub = common.add(subs, "report", report, "write the report of the update as one page")
    text = "read this evidence, a folder or a .tar.zst file"
    common.value(sub, "--evidence", text, "the newest", type=Path, metavar="PATH")
    sub.add_argument(
        "--markdown", action="store_true", help="print it as Markdown, for a comment on the bug"
    )


def verify(args: argparse.Namespace) -> int:
    """Print the checklist, write it for the report, and post it when asked."""
    if args.offline and (args.post or args.test):
        raise UsageError("this needs Launchpad", where="--offline", advice="leave it out")
    recipe = common.as_made(args, reader.load(args.recipe, outside=args.outside))
    work = common.work_folder(args, recipe)
    with closing(LaunchpadlibClient(args.cache / "launchpad", login=args.post)) as client:
        if not args.test:
            _packed(args, work)  # before Launchpad is asked for nothing
        known = facts.NOT_ASKED if args.offline else facts.read(recipe, client)
        if args.test:
            base, _ = choose.choose(recipe, args.base)
            options = Options(args.cache)
            with ui.shown(common.how(args)) as sink:
                proposed.run(recipe, known, work, base, options, jobs=args.jobs, sink=sink)
        folder, sha256 = _packed(args, work)
        evidence = check.sound(folder, "it proves nothing")
        recipe = versions.as_made(recipe, evidence.versions)
        proofs = Proofs(recipe, folder, evidence, known, sha256)
        made = _kept(checklist.make(proofs), known, folder)
        comments = {one.name: comment.make(proofs, made, one.name) for one in recipe.series}
        _tell(args, made, comments, known)
        _write(args, reports.make(folder, checklist=made), folder)
        if args.post and not args.dry_run:
            _post(args, client, known, made, comments)
    return 0 if made.tags or not made.count("missing") else StepError.exit_code


def _kept(made: Checklist, known: Facts, folder: Path) -> Checklist:
    """Keep the checklist, and what Launchpad said, beside the evidence; with that file's name."""
    if known.asked:
        path = folder.with_name(f"{folder.name}.launchpad.json")
        text = json.dumps(known.to_json(), indent=1, sort_keys=True) + "\n"
        atomic.write(path, text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        made = replace(made, record=path.name, record_sha256=digest)
    atomic.write(_checklist_of(folder), json.dumps(asdict(made), indent=1) + "\n")
    return made


def _checklist_of(evidence: Path) -> Path:
    return evidence.with_name(f"{evidence.name}.checklist.json")


def _post(
    args: argparse.Namespace,
    client: LaunchpadlibClient,
    known: Facts,
    made: Checklist,
    comments: dict[str, str],
) -> None:
    """Post what is proposed, and tell what was written."""
    tags = known.bug.tags if known.bug is not None else ()
    done = [tag for tag in tags if tag.startswith("verification-done-")]
    if done and not made.tags:
        text = f"Nothing is posted: {', '.join(done)} is set already."
        common.tell(args, {"event": "posted", "done": done}, text)
    elif not made.tags or known.bug is None:
        raise StepError(
            "nothing is posted, since no series is proved whole",
            where=f"LP: #{made.bug}",
            advice="the checklist says what is missing",
        )
    else:
        for series, written in comment.post(client, known.bug, made.tags, comments).items():
            data = {"event": "posted", "series": series, "posted": written}
            words = " and ".join(written) or "nothing: all was there already"
            common.tell(args, data, f"Posted for {series}: {words}.")


def report(args: argparse.Namespace) -> int:
    """Write the page, or print it as Markdown."""
    path = args.evidence
    if path is None:
        # Evidence from elsewhere says itself what it is about, and needs no recipe.
        recipe = reader.load(args.recipe, outside=args.outside)
        path = _newest(common.work_folder(args, recipe), proposed=False)
    path = path.resolve()
    with check.opened(path) as folder:
        beside = path.parent / folder.name
        known: Checklist | None = None
        if (kept := _checklist_of(beside)).exists():
            what, advice = "this checklist cannot be read", "run: backport verify"
            known = records.load(Checklist, kept, what=what, advice=advice)
        # What an archive holds is there for this moment only: no link leads into it.
        linked = path.is_dir() and not args.markdown
        made = reports.make(folder, linked=linked, checklist=known)
        if args.markdown:
            text = reports.as_markdown(made)
            common.tell(args, {"event": "report", "markdown": text}, text.rstrip("\n"))
        else:
            _write(args, made, beside)
    return 0


def _write(args: argparse.Namespace, made: Report, evidence: Path) -> None:
    """Write the page beside the evidence."""
    out = atomic.write(evidence.with_name(f"{evidence.name}.html"), reports.as_html(made))
    common.tell(args, {"event": "report", "path": out}, f"The report is in {out}")


def _newest(work: Path, *, proposed: bool) -> Path:
    """The newest evidence; with `proposed` that of the published packages comes first."""
    places = [work / "proposed" / "evidence" / "latest", work / "evidence" / "latest"]
    folders = [path.resolve() for path in places if path.exists()]
    if not folders:
        raise InputError(
            "there is no evidence yet", where=str(work / "evidence"), advice="run: backport run"
        )
    return folders[0] if proposed else max(folders, key=lambda path: path.stat().st_mtime)


def _packed(args: argparse.Namespace, work: Path) -> tuple[Path, str]:
    """The folder of the evidence that proves something, and the sha256 of its archive."""
    folder = (args.evidence or _newest(work, proposed=True)).resolve()
    packed = folder.with_name(f"{folder.name}.tar.zst")
    if not folder.is_dir() or not packed.is_file():
        raise InputError(
            "this is no folder of evidence with its archive, whose hash is posted, beside it",
            where=str(folder),
            advice="run: backport evidence",
        )
    return folder, sha256_of(packed)


def _tell(
    args: argparse.Namespace, made: Checklist, comments: dict[str, str], known: Facts
) -> None:
    if args.json:
        data = {**asdict(made), "troubles": known.troubles, "comments": comments}
        print(json.dumps({"event": "checklist", **data}))
        return
    print(checklist_data.as_text(made, quiet=args.quiet))
    for trouble in known.troubles:
        print(f"Not read: {trouble}.")
    for change in made.tags if args.dry_run or args.post else ():
        print(f"\nThe comment for {change.series}:\n\n{comments[change.series]}\n")
        print(f"Tags: + {change.add}  - {', '.join(change.remove)}")
