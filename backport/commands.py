"""The subcommands: read the arguments, call the rooms, print, return an exit code."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from backport import doctor as machine
from backport import execute, plan_text, recipe_file, summary, ui, upgrade, versions
from backport import plan as planning
from backport.errors import UsageError
from backport.events import Note
from backport.plan import Selection, Step
from backport.recipe import Recipe
from backport.store import Result, Store
from backport.verdict import Passed
from backport.versions import ArchiveVersions


def run(args: argparse.Namespace) -> int:
    """Run the graph until the kind of step that the command names; print the summary."""
    from backport import actions  # noqa: PLC0415 - a run with nothing to do starts faster
    from backport.archive import choose  # noqa: PLC0415
    from backport.archive.base import Wanted  # noqa: PLC0415

    began = time.time()
    recipe = recipe_file.load(args.recipe)
    selection = _selection(args, recipe)
    if args.until in ("build", "test"):
        base, note = choose.choose(recipe, args.base)
    else:
        base, note = choose.choose(recipe, "stand-in")
    archive = _archive(recipe, args, lambda text: _note(text, args))
    upgrade.refuse_downward(recipe, archive)
    # What the packages want of the base is known only later, and is an output of its own step.
    nothing = Wanted((), (), frozenset())
    base_inputs = {series.name: base.inputs(series, nothing) for series in recipe.series}
    steps = planning.make(recipe, selection, base.kind, base_inputs)
    store = Store(_work(args, recipe))
    options = actions.Options(args.cache, args.offline, getattr(args, "keep", False))
    table = actions.Actions(recipe, store, base, options).table()
    shown_base = base.kind if args.until in ("build", "test") else ""
    with store.locked():
        with ui.shown(_how(args)) as sink:
            actions.tidy(store, sink)
            if note:
                sink(Note(note))
            results = execute.run(steps, table, store, jobs=args.jobs, sink=sink, base=shown_base)
        suite, differing = _prepared(steps, results, store)
        told = summary.make(
            recipe,
            steps,
            results,
            {(row.source, row.series): row.built for row in versions.table(recipe, archive)},
            base=shown_base,
            suite=suite,
            differing=differing,
            seconds=time.time() - began,
        )
        summary.write(told, store.work / "summary.json")
    if args.json:
        print(json.dumps({"event": "summary", **told.to_json()}))
    elif not args.quiet:
        print(summary.as_text(told, str(store.work)))
    return summary.exit_code(results.values(), strict=getattr(args, "strict", False))


def _prepared(
    steps: Mapping[str, Step], results: Mapping[str, Result], store: Store
) -> tuple[str, tuple[tuple[str, str, str], ...]]:
    """What the bases of this run come from, and where their versions are not the series'."""
    from backport import actions  # noqa: PLC0415

    suites: list[str] = []
    differing: list[tuple[str, str, str]] = []
    for name, step in steps.items():
        if step.kind == "base" and isinstance(results[name].verdict, Passed):
            ready = actions.read_prepared(store.folder(name))
            suites.append(ready.suite)
            differing += [
                (one.package, one.series_version, one.base_version) for one in ready.differing
            ]
    return ", ".join(dict.fromkeys(suites)), tuple(dict.fromkeys(differing))


def plan(args: argparse.Namespace) -> int:
    """Show the version table, the proof that every upgrade path sorts upward, and the steps."""
    recipe = recipe_file.load(args.recipe)
    selection = _selection(args, recipe)
    notes: list[str] = []
    archive = _archive(recipe, args, notes.append)
    steps = planning.make(recipe, selection, "")
    if args.json:
        print(json.dumps(plan_text.as_json(recipe, archive, steps, notes)))
    elif not args.quiet:
        for text in notes:
            _note(text, args)
        print(plan_text.as_text(recipe, archive, steps))
    upgrade.refuse_downward(recipe, archive)
    return 0


def pin(args: argparse.Namespace) -> int:
    """Fill the pins of the archive's .dsc files into the recipe."""
    from backport.launchpad import pin as pinning  # noqa: PLC0415

    return pinning.command(args)


def init(args: argparse.Namespace) -> int:
    """Write a first recipe for another source package."""
    from backport.launchpad import first_recipe  # noqa: PLC0415

    return first_recipe.command(args)


def doctor(args: argparse.Namespace) -> int:
    """Say what this machine lacks, and the command that installs it."""
    from backport.testbed import host  # noqa: PLC0415

    work = args.work or args.recipe.parent / "build"
    missing = list(
        dict.fromkeys([*machine.missing_programs(), *machine.missing_room(work), *host.check()])
    )
    for one in missing:
        if args.json:
            print(json.dumps(asdict(one)))
        else:
            print(f"missing: {one.what} ({one.why}); run: {one.command}")
    if not missing and not (args.json or args.quiet):
        print("This machine has all that a run needs.")
    return 5 if missing else 0


def shell(args: argparse.Namespace) -> int:
    """Open a shell in the chroot that a failed build left, else in a testbed of the series."""
    from backport import look  # noqa: PLC0415

    recipe = recipe_file.load(args.recipe)
    _selection(args, recipe)
    return look.shell(recipe, Store(_work(args, recipe)), args.series, args.source)


def clean(args: argparse.Namespace) -> int:
    """Remove old steps and bases, and what a kill left; never the evidence."""
    from backport import cleaning  # noqa: PLC0415
    from backport.build import sbuild  # noqa: PLC0415

    recipe = recipe_file.load(args.recipe)
    store = Store(_work(args, recipe))
    before = time.time() - args.older_than * 86400
    with store.locked():
        kept = cleaning.kept(store, before)
        for path in list(cleaning.old(store, before)):
            if not args.dry_run:
                if path.is_dir() and not path.is_symlink():
                    sbuild.remove_tree(path)
                else:
                    path.unlink()
            if args.json:
                print(json.dumps({"event": "removed", "path": str(path), "dry_run": args.dry_run}))
            elif not args.quiet:
                print(f"{'would remove' if args.dry_run else 'removed'} {path}")
    if args.json:
        print(json.dumps({"event": "kept", "steps": kept}))
    elif not args.quiet:
        print(f"{kept} steps kept; the evidence is never removed.")
    return 0


def _work(args: argparse.Namespace, recipe: Recipe) -> Path:
    folder = args.work or recipe.root / "build"
    return Path(folder).resolve()


def _how(args: argparse.Namespace) -> str:
    if args.json:
        return "json"
    if args.quiet:
        return "quiet"
    return "table" if sys.stdout.isatty() else "lines"


def _selection(args: argparse.Namespace, recipe: Recipe) -> Selection:
    asked = {"series": args.series, "source": args.source}
    known = {
        "series": [one.name for one in recipe.series],
        "source": [one.name for one in recipe.sources],
    }
    for what, names in asked.items():
        for name in [names] if isinstance(names, str) else names:
            if name not in known[what]:
                raise UsageError(
                    f"the recipe has no {what} {name!r}",
                    where=f"--{what}",
                    advice=f"name one of {', '.join(known[what])}",
                )
    tests = tuple(getattr(args, "test", ()))
    for name in tests:
        if name not in [test.name for test in recipe.matrix]:
            raise UsageError(
                f"the recipe's matrix has no test {name!r}",
                where="--test",
                advice=f"name one of {', '.join(dict.fromkeys(one.name for one in recipe.matrix))}",
            )
    return Selection(
        tuple(args.series),
        tuple(args.source),
        tests,
        getattr(args, "until", "test"),
        getattr(args, "long", False),
    )


def _archive(
    recipe: Recipe, args: argparse.Namespace, note: Callable[[str], None]
) -> ArchiveVersions:
    return upgrade.archive_versions(recipe, args.cache, offline=args.offline, note=note)


def _note(text: str, args: argparse.Namespace) -> None:
    """Tell what a person has to know before the run begins."""
    if args.json:
        print(json.dumps(ui.event_json(Note(text))), flush=True)
    elif not args.quiet:
        print(ui.event_line(Note(text)), file=sys.stderr)
