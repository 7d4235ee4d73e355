"""The command `campaign`: the field test."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine.store import Store
from backport.errors import StepError, UsageError
from backport.recipe.model import Recipe
from study import campaign as results
from study import field
from study import recipe as recipes
from study.field import Wish

_TRIALS, _CHUNK, _SECONDS = 1000, 250, 900.0
_DAY = 86400.0


def register(subs: Subparsers) -> None:
    """Add the command."""
    sub = common.add(subs, "campaign", campaign, "run the field test, or merge its results")
    sub.add_argument(
        "--series",
        metavar="NAME",
        help="test the packages of this series (default: the first of the recipe)",
    )
    sub.add_argument(
        "--variant",
        default="",
        metavar="NAME",
        help="test this variant, such as unpatched (default: none)",
    )
    sub.add_argument(
        "--seed",
        default="1640978",
        metavar="S",
        help="draw the trials from this seed, another one on each machine (default: %(default)s)",
    )
    sub.add_argument(
        "--trials",
        type=int,
        default=None,
        metavar="N",
        help="go on until there are so many trials (default: no limit)",
    )
    sub.add_argument(
        "--seconds",
        type=float,
        default=None,
        metavar="S",
        help="go on for so many seconds (default: no limit)",
    )
    sub.add_argument(
        "--testbeds",
        type=int,
        default=1,
        metavar="N",
        help="run so many testbeds side by side (default: %(default)s)",
    )
    sub.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="run so many trials side by side in one testbed (default: the number of processors)",
    )
    sub.add_argument(
        "--chunk",
        type=int,
        default=_CHUNK,
        metavar="N",
        help="run so many trials in a testbed (default: %(default)s)",
    )
    sub.add_argument(
        "--merge",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="take in the results of another machine, and run nothing; repeatable (default: none)",
    )
    sub.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="write it as a tree for any autopkgtest, and run nothing (default: not written)",
    )
    sub.add_argument("--show", action="store_true", help="say what there is, and run nothing")


def campaign(args: argparse.Namespace) -> int:
    """Run chunks until it is enough, or merge; print what there is now."""
    recipe = recipes.load(args.recipe)
    series = _series(args, recipe)
    store = Store(common.work_folder(args, recipe))
    place = field.folder(store, series, args.variant)

    if args.export:
        field.export(recipe, args.export)
        if not args.quiet:
            _print_export(args, field.arguments(args.seed, 0, args.chunk, _SECONDS, args.workers))
        return 0

    def report(chunk: results.Chunk) -> None:
        if args.json:
            event = {"event": "chunk", "first": chunk.first, "trials": chunk.trials}
            print(json.dumps({**event, "failed": chunk.failed}), flush=True)
        elif not args.quiet:
            print(f"{chunk.name}: {chunk.trials} trials, {chunk.failed} failed", flush=True)

    if args.merge:
        for chunk in results.merge(place, args.merge):
            report(chunk)
    elif not args.show:
        with store.locked():
            field.run(recipe, store, _wish(args, series), report)
    whole = results.total(results.load(place), args.variant)
    if args.json:
        print(json.dumps({"event": "campaign", **results.as_json(whole)}))
    elif not args.quiet:
        print("\n".join(results.lines(whole)))
    if whole.failed and not args.variant:
        raise StepError(
            f"{whole.failed} of {whole.trials} trials failed",
            where=str(place),
            advice="each failure's smallest plan is in its chunk's file",
        )
    if args.variant and whole.trials and not whole.failed:
        raise StepError("the control saw no harm: it proves nothing", where=str(place))
    return 0


def _print_export(args: argparse.Namespace, env: dict[str, str]) -> None:
    """Say how the exported tests are run elsewhere, and how their results come back."""
    name = "campaign-control" if args.variant else "campaign"
    words = " ".join(f"--env='{key}={value}'" for key, value in env.items())
    command = f"autopkgtest {args.export} --test-name={name} {words} --output-dir=OUT -- SERVER"
    if args.json:
        print(json.dumps({"event": "exported", "folder": str(args.export), "command": command}))
        return
    print(f"{args.export}: {command}")
    print(
        "On a testbed with the packages under test; a seed of its own for each machine, and "
        "--first for each run. Take the results in with: python -m study campaign --merge OUT"
    )


def _series(args: argparse.Namespace, recipe: Recipe) -> str:
    known = [one.name for one in recipe.series]
    name = args.series or known[0]
    if name not in known:
        raise UsageError(
            f"the recipe has no series {name!r}",
            where="--series",
            advice=f"name one of {', '.join(known)}",
        )
    if args.variant and args.variant not in [one.name for one in recipe.variants]:
        raise UsageError(
            f"the recipe has no variant {args.variant!r}",
            where="--variant",
            advice=f"name one of {', '.join(one.name for one in recipe.variants)}",
        )
    return str(name)


def _wish(args: argparse.Namespace, series: str) -> Wish:
    for option in ("testbeds", "workers", "chunk"):
        if getattr(args, option) < 1:
            raise UsageError("this is no number from 1 on", where=f"--{option}")
    trials, seconds = args.trials, args.seconds
    if trials is None and seconds is None:
        trials = _TRIALS
    if (trials is not None and trials < 1) or (seconds is not None and not 0 < seconds < 1e8):
        raise UsageError("give a number above 0", where="--trials, --seconds")
    return Wish(
        series,
        args.variant,
        args.seed,
        trials or 0,
        seconds or 30 * _DAY,
        args.testbeds,
        args.chunk,
        args.workers,
        _SECONDS,
    )
