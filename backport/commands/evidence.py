"""The command that makes, checks and re-runs evidence."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine import records, verdict
from backport.engine.store import Store
from backport.errors import InputError, StepError, UsageError
from backport.recipe import reader
from backport.run import clean
from backport.sru import bundle, check, rerun, run_record
from backport.sru.check import Checked


def register(subs: Subparsers) -> None:
    """Add the command of this group."""
    text = "make the evidence of the last run, or check evidence from anywhere"
    sub = common.add(subs, "evidence", evidence, text)
    common.value(
        sub, "action", "make it, or check it", nargs="?", choices=("make", "check"), default="make"
    )
    text, without = "check this folder or .tar.zst file", "none; needed with check"
    common.value(sub, "file", text, without, nargs="?", type=Path, metavar="FILE")
    text = "with check, run that step again and compare"
    common.value(sub, "--rerun", text, "none", default="", metavar="STEP")
    common.add_offline(sub)


def evidence(args: argparse.Namespace) -> int:
    """Make evidence, or check it."""
    if (args.action == "check") != (args.file is not None) or (args.rerun and not args.file):
        raise UsageError(
            "check, and nothing else, takes a file",
            where="evidence",
            advice="write: backport evidence check FILE [--rerun STEP]",
        )
    if args.rerun:
        return _rerun(args)
    return _check(args) if args.file else _make(args)


def _make(args: argparse.Namespace) -> int:
    recipe = reader.load(args.recipe, outside=args.outside)
    store = Store(common.work_folder(args, recipe))
    with store.locked():
        clean.tidy(store, args.cache, lambda text: common.note(text, args))
        record = run_record.read(store.work)
        recipe = record.recipe(args.recipe, args.outside)
        made = bundle.make(recipe, store, record, args.cache)
    state = "made" if made.fresh else "is there already"
    text = f"Evidence {state}: {made.archive}\nsha256: {made.sha256}"
    common.tell(args, {"event": "evidence", **asdict(made)}, text)
    return 0


def _check(args: argparse.Namespace) -> int:
    checked = check.check(args.file)
    data = {
        "event": "checked",
        "name": checked.manifest.name,
        "sha256": checked.sha256,
        "files": len(checked.manifest.files),
        "steps": len(checked.manifest.steps),
        "faults": [asdict(fault) for fault in checked.faults],
    }
    for fault in () if args.json else checked.faults:
        print(f"FAULT: {fault}")
    common.tell(args, data, _as_text(checked))
    return InputError.exit_code if checked.faults else 0


def _rerun(args: argparse.Namespace) -> int:
    work = args.work.resolve() if args.work else None
    again = rerun.rerun(args.file, args.rerun, args.cache, work=work, offline=args.offline)
    recorded, now = verdict.kind(again.recorded), verdict.kind(again.now)
    lines = [f"{again.step}: recorded {recorded}, now {now}"]
    lines += [f"  {verdict.text(again.now)}"] if verdict.text(again.now) else []
    lines += [f"  the same bytes: {name}" for name in again.same]
    lines += [f"  DIFFERENT: {name}" for name in again.different]
    if args.json:
        data = {"event": "rerun", **records.encode(again), "agrees": again.agrees}
        print(json.dumps(data, default=records.encode))
    elif not args.quiet or not again.agrees:
        print("\n".join(lines))
    code = again.exit_code if now == "broken" else 0
    return 0 if again.agrees else code or StepError.exit_code


def _as_text(checked: Checked) -> str:
    contents = checked.manifest
    kinds = Counter(verdict.kind(step.verdict) for step in contents.steps)
    ended = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    bases = sorted({f"{base.kind} ({base.suite})" for base in contents.bases})
    state = f"{len(checked.faults)} faults" if checked.faults else "whole and unchanged"
    lines = [
        f"Evidence {contents.name}, for LP: #{contents.bug}: {state}.",
        f"{len(contents.files)} files; {len(contents.steps)} steps: {ended}. "
        f"Base: {', '.join(bases) or 'none'}.",
    ]
    if checked.sha256:
        lines.append(f"sha256: {checked.sha256}")
    return "\n".join(lines)
