"""The command that makes, checks and re-runs evidence."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine import verdict
from backport.engine.store import Store
from backport.errors import UsageError
from backport.recipe import reader

if TYPE_CHECKING:
    from backport.sru.check import Checked


def register(subs: Subparsers) -> None:
    """Add the command of this group."""
    text = "make the evidence of the last run, or check evidence from anywhere"
    sub = common.add(subs, "evidence", evidence, text)
    sub.add_argument(
        "action",
        nargs="?",
        choices=("make", "check"),
        default="make",
        help="make it, or check it (default: %(default)s)",
    )
    sub.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="check this folder or .tar.zst file (default: none; needed with check)",
    )
    sub.add_argument(
        "--sign",
        default="",
        metavar="KEY",
        help="sign what is made with this gpg key (default: not signed)",
    )
    sub.add_argument(
        "--keyring",
        type=Path,
        metavar="KEYS",
        help="refuse what none of these keys has signed (default: signatures are only shown)",
    )
    sub.add_argument(
        "--rerun",
        default="",
        metavar="STEP",
        help="with check, run that step again and compare (default: none)",
    )
    common.add_offline(sub)


def evidence(args: argparse.Namespace) -> int:
    """Make evidence, or check it."""
    if args.action == "check":
        return _check(args)
    for name in ("keyring", "rerun"):
        if getattr(args, name):
            raise UsageError(
                "this goes with a check", where=f"--{name}", advice="write: backport evidence check"
            )
    if args.file is not None:
        raise UsageError(
            "making evidence takes no file", where=str(args.file), advice="leave it out"
        )
    return _make(args)


def _make(args: argparse.Namespace) -> int:
    from backport.run import actions  # noqa: PLC0415
    from backport.sru import bundle, run_record, signature  # noqa: PLC0415

    recipe = reader.load(args.recipe, outside=args.outside)
    store = Store(common.work_folder(args, recipe))
    with store.locked():
        actions.tidy(store, args.cache, lambda text: common.note(text, args))
        record = run_record.read(store.work)
        sign = (lambda path: signature.sign(path, args.sign)) if args.sign else None
        recipe = record.recipe(args.recipe, args.outside)
        made = bundle.make(recipe, store, record, args.cache, sign=sign)
    state = "made" if made.fresh else "is there already"
    text = f"Evidence {state}: {made.archive}\nsha256: {made.sha256}"
    if made.removed:
        removed = ", ".join(f"{what} ({number})" for what, number in made.removed.items())
        text += f"\nTaken out of its logs: {removed}."
    common.tell(args, {"event": "evidence", **asdict(made)}, text)
    return 0


def _check(args: argparse.Namespace) -> int:
    from backport.sru import check  # noqa: PLC0415

    if args.file is None:
        raise UsageError(
            "no evidence is named", where="FILE", advice="name its folder or .tar.zst file"
        )
    if args.sign:
        raise UsageError("only what is made is signed", where="--sign", advice="leave it out")
    if args.rerun:
        return _rerun(args)
    checked = check.check(args.file, keyring=args.keyring)
    for fault in () if args.json else checked.faults:
        print(f"FAULT: {fault}")
    common.tell(args, {"event": "checked", **_as_json(checked)}, _as_text(checked))
    return 3 if checked.faults else 0


def _rerun(args: argparse.Namespace) -> int:
    from backport.sru import rerun  # noqa: PLC0415

    work = args.work.resolve() if args.work else None
    again = rerun.rerun(args.file, args.rerun, args.cache, work=work, offline=args.offline)
    if args.json:
        data = {
            "recorded": verdict.to_json(again.recorded),
            "now": verdict.to_json(again.now),
            "same": again.same,
            "different": again.different,
            "dated": again.dated,
            "agrees": again.agrees,
        }
        print(json.dumps({"event": "rerun", "step": again.step, **data}))
    elif not args.quiet or not again.agrees:
        print(
            f"{again.step}: recorded {verdict.kind(again.recorded)}, now {verdict.kind(again.now)}"
        )
        if verdict.text(again.now):
            print(f"  {verdict.text(again.now)}")
        for what, names in (
            ("the same bytes", again.same),
            ("not compared, it holds the date or paths of its making", again.dated),
            ("DIFFERENT", again.different),
        ):
            for name in names:
                print(f"  {what}: {name}")
    return 0 if again.agrees else 4


def _as_json(checked: Checked) -> dict[str, object]:
    found = checked.manifest
    return {
        "name": found.name,
        "sha256": checked.sha256,
        "files": len(found.files),
        "steps": len(found.steps),
        "faults": [asdict(fault) for fault in checked.faults],
        "signed": asdict(checked.signed),
        "notes": checked.notes,
    }


def _as_text(checked: Checked) -> str:
    found = checked.manifest
    kinds: dict[str, int] = {}
    for step in found.steps:
        kinds[verdict.kind(step.verdict)] = kinds.get(verdict.kind(step.verdict), 0) + 1
    ended = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    bases = sorted({f"{base.kind} ({base.suite})" for base in found.bases})
    signed = checked.signed.state
    if checked.signed.key:
        signed += f", {checked.signed.key} {checked.signed.who}".rstrip()
    state = f"{len(checked.faults)} faults" if checked.faults else "whole and unchanged"
    lines = [
        f"Evidence {found.name}, for LP: #{found.bug}: {state}.",
        f"{len(found.files)} files; {len(found.steps)} steps: {ended}. "
        f"Base: {', '.join(bases) or 'none'}. Signature: {signed}.",
        *(f"Note: {note}." for note in checked.notes),
    ]
    if checked.sha256:
        lines.append(f"sha256: {checked.sha256}")
    return "\n".join(lines)
