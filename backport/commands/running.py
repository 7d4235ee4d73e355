"""The commands that run the graph of steps: run, fetch, source, build, check, test."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict

from backport.commands import common
from backport.commands.common import Subparsers
from backport.engine import execute, system_errors
from backport.engine.events import Note
from backport.engine.execute import Action
from backport.engine.step import KINDS
from backport.engine.store import Store
from backport.environments import choose, prepared
from backport.environments.base import Base
from backport.errors import BackportError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publications import Records
from backport.recipe import reader, versions
from backport.recipe.model import Recipe
from backport.run import clean, summary, ui, upgrade_order
from backport.run import plan as planning
from backport.sru import bundle, run_record


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    for name, until, text in (
        ("run", "test", "make, build and test the whole update"),
        ("fetch", "fetch", "download what the recipe names, by its hashes"),
        ("source", "source", "make the source packages"),
        ("build", "build", "build the source packages in clean chroots"),
        ("check", "check", "build, and look for what is wrong"),
        ("test", "test", "build, and run the autopkgtests in testbeds"),
    ):
        sub = common.add(subs, name, run, text)
        sub.set_defaults(until=until)
        common.select(sub)
        common.add_jobs(sub)
        common.add_offline(sub)
        if until in ("build", "check", "test"):
            on, without = "build and test on this base, ubuntu or stand-in", "ubuntu, if it answers"
            common.value(sub, "--base", on, without, default="", metavar="KIND")
            sub.add_argument(
                "--keep", action="store_true", help="keep the chroot of a failed build for shell"
            )
        long = "rebuild every package, upgrade from every older version"
        if until == "test":
            long = f'also run tests with run = "long", {long}'
        if until in ("check", "test"):
            sub.add_argument("--long", action="store_true", help=long)
        if until == "test":
            common.value(sub, "--test", "only this test", "all", **common.SEVERAL, metavar="NAME")
            common.add_matrix(sub)
            sub.add_argument("--strict", action="store_true", help="count a skipped test as failed")
        if name == "test":
            common.add_service(sub)


def run(args: argparse.Namespace) -> int:
    """Run the graph until the kind of step that the command names; print the summary."""
    if getattr(args, "on", "local") == "ppa":
        from backport.commands import ppa_tests  # noqa: PLC0415

        return ppa_tests.run(args)
    began, tell = time.time(), functools.partial(common.note, args=args)
    recipe = reader.load(args.recipe, outside=args.outside, matrix=getattr(args, "matrix", ()))
    selection = common.selection(args, recipe)
    store = Store(common.work_folder(args, recipe))
    named = args.base if args.until in ("build", "check", "test") else "stand-in"
    base, note = choose.choose(
        recipe, named, offline=args.offline, before=prepared.kind_in(store), series=selection.series
    )
    archive = upgrade_order.archive_versions(
        recipe, args.cache, store.work, offline=args.offline, note=tell
    )
    upgrade_order.check_upgrades(recipe, archive)
    recipe = versions.with_chosen(recipe, archive)
    if args.until == "fetch":
        with closing(LaunchpadlibClient(args.cache / "launchpad")) as client:
            records = Records(args.cache, None if args.offline else client)
            from backport.launchpad.archive import debdiff  # noqa: PLC0415

            debdiff.check_pins(recipe, records, tell)
    base_inputs = {series.name: base.inputs(series) for series in recipe.series}
    steps = planning.make(recipe, selection, base.kind, base_inputs)
    table = _actions(recipe, store, base, args)
    shown_base = base.kind if args.until in ("build", "check", "test") else ""
    made = {(row.source, row.series): row.built for row in versions.table(recipe, archive)}
    evidence = ""
    problem: BackportError | None = None
    with store.locked():
        with ui.shown(common.how(args)) as sink:
            clean.tidy(store, args.cache, lambda text: sink(Note(text)))
            if note:
                sink(Note(note))
            results = execute.run(steps, table, store, jobs=args.jobs, sink=sink, base=shown_base)
        bases = prepared.by_series(store, steps).values()
        seconds = time.time() - began
        told = summary.make(recipe, steps, results, made, bases=bases, seconds=seconds)
        summary.write(told, store.work / "summary.json")
        if args.until == "test":
            record = run_record.make(steps, results, made, recipe)
            try:
                with system_errors.refusals(store.work):
                    record.write(store.work)
                    evidence = str(bundle.make(recipe, store, record, args.cache).archive)
            except BackportError as error:  # a run that went well has not failed because of that
                problem = error
    text = summary.as_text(told, str(store.work))
    text += f"\nEvidence: {evidence}" if evidence else ""
    common.tell(args, {"event": "summary", **asdict(told)}, text)
    code = summary.exit_code(results.values(), strict=getattr(args, "strict", False))
    if problem is not None:
        print(f"no evidence: {problem}", file=sys.stderr)
        return code or problem.exit_code
    return code


def _actions(
    recipe: Recipe, store: Store, base: Base, args: argparse.Namespace
) -> dict[str, Action]:
    """The action of each kind of step; what does them is loaded where the first one begins."""

    @functools.cache
    def table() -> Mapping[str, Action]:
        from backport.run.actions import Actions, Options  # noqa: PLC0415

        options = Options(args.cache, args.offline, getattr(args, "keep", False))
        return Actions(recipe, store, base, options).table()

    return dict.fromkeys(KINDS, lambda step, *folders: table()[step.id.kind](step, *folders))
