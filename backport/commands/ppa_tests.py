"""The command `test --on ppa`: Ubuntu's autopkgtest service as the engine."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backport.commands import common, waiting
from backport.engine import verdict
from backport.engine.events import Note
from backport.engine.step import StepId
from backport.engine.store import Store
from backport.engine.verdict import Skipped
from backport.errors import UsageError
from backport.recipe import reader as recipe_file
from backport.recipe.model import Recipe
from backport.run import ui

if TYPE_CHECKING:
    from backport.launchpad.api.client import LaunchpadlibClient
    from backport.launchpad.autopkgtest.results import AskedControl, Reader
    from backport.launchpad.autopkgtest.service import Request
    from backport.launchpad.autopkgtest.verdicts import ServiceRun
    from backport.launchpad.upload.ppa import PpaName

RESULTS_VARIABLE = "BACKPORT_AUTOPKGTEST_RESULTS"


def add_options(sub: argparse.ArgumentParser) -> None:
    """Add what only `test` has for the service."""
    sub.add_argument(
        "--on",
        choices=("local", "ppa"),
        default="local",
        help="run the tests in testbeds here, or on Ubuntu's autopkgtest service (default: "
        "%(default)s)",
    )
    sub.add_argument(
        "--arch",
        action="append",
        default=[],
        metavar="NAME",
        help="with --on ppa, only this architecture; repeatable (default: all of the PPA)",
    )
    sub.add_argument(
        "--control-ppa",
        default="",
        metavar="OWNER/NAME",
        help="with --on ppa, test the controls with the packages of this throw-away PPA (default: "
        "no controls)",
    )
    sub.add_argument(
        "--results",
        default="",
        metavar="URL",
        help=f"with --on ppa, read the results here (default: {RESULTS_VARIABLE}, else Ubuntu's)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the addresses that request the tests, and read what results there are."""
    from backport.launchpad.api.client import LaunchpadlibClient  # noqa: PLC0415
    from backport.launchpad.autopkgtest import results, service, verdicts  # noqa: PLC0415
    from backport.launchpad.upload import ppa as ppas  # noqa: PLC0415
    from backport.transport import Limits  # noqa: PLC0415

    recipe = recipe_file.load(args.recipe, matrix=args.matrix)
    common.selection(args, recipe)
    for arch in args.arch:
        if arch not in service.ARCHITECTURES:
            raise UsageError(
                f"the service has no architecture {arch!r}",
                where="--arch",
                advice=f"name one of {', '.join(service.ARCHITECTURES)}",
            )
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    second = ppas.parse_name(args.control_ppa, where="--control-ppa") if args.control_ppa else None
    if second == ppa:
        raise UsageError("the control needs a PPA of its own", where="--control-ppa")
    store = Store(common.work_folder(args, recipe))
    before = verdicts.read_summary(store.work)
    root = args.results or os.environ.get(RESULTS_VARIABLE, "") or service.RESULTS
    reader = results.Reader(root, Limits())
    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client, store.locked():
        uploads, notes = waiting.recorded(args, store.work, str(ppa), client.root)
        for text in notes:
            common.note(text, args)
        requests = [
            service.Request(upload.source, upload.series, arch, upload.version, ppa)
            for upload in uploads
            for arch in args.arch or service.ARCHITECTURES
        ]
        asker = _Second(second, client, reader, store)
        tested: list[ServiceRun] = []
        controls: list[ServiceRun] = []
        for request in requests:
            shipped = _shipped(recipe, request, store)
            one = results.read(reader, request, tuple(shipped.values()), store)
            each = {_ours(name, shipped): made for name, made in one.each.items()}
            tested.append(replace(one, each=each))
            controls += asker.controls(recipe, request, shipped)
        summary = verdicts.Summary(
            str(ppa), str(second or ""), client.root, tuple(tested), tuple(controls)
        ).after(before)
        path = summary.write(store.work)
    if args.json:
        print(json.dumps({"event": "ppa-tests", **summary.to_json()}))
    else:
        _show(tested, controls, args)
        if not args.quiet:
            print(f"All of it is in {path}.")
    common.remake_evidence(args, store)
    return _exit_code(args, tested, controls)


def _shipped(recipe: Recipe, request: Request, store: Store) -> dict[str, str]:
    """The recipe's tests of a source package, each with the name under which it is shipped."""
    from backport.engine.outputs import SHIPPED  # noqa: PLC0415
    from backport.testbed.matrix import test_names  # noqa: PLC0415

    control = recipe.source(request.source).tests / "control"
    named = {name: name for name in test_names(control)} if control.is_file() else {}
    path = store.folder(StepId("source", request.series, request.source)) / SHIPPED
    # Where it was not made on this machine, nothing says that a test got another name.
    made = json.loads(path.read_text()) if path.is_file() else {}
    return {name: str(made.get(name, name)) for name in named}


def _ours(there: str, shipped: Mapping[str, str]) -> str:
    """The recipe's name of a test; a test of the base that has the name of ours is said to be."""
    ours = {name: one for one, name in shipped.items()}
    return ours.get(there, f"{there} (the base's own)" if there in shipped else there)


@dataclass(frozen=True)
class _Second:
    """The throw-away PPA of the controls, or None, and who asks about it."""

    ppa: PpaName | None
    client: LaunchpadlibClient
    reader: Reader
    store: Store

    def controls(
        self, recipe: Recipe, request: Request, shipped: Mapping[str, str]
    ) -> list[ServiceRun]:
        """The controls of the tests that have a variant and that the package ships."""
        from backport.launchpad.autopkgtest import results  # noqa: PLC0415
        from backport.launchpad.upload import version as ppa_version  # noqa: PLC0415

        by_variant: dict[str, list[AskedControl]] = {}
        for row in recipe.matrix:
            if row.source == request.source and row.name in shipped and not row.matrix:
                for control in row.controls:
                    if control.variant:
                        one = results.AskedControl(
                            row.name, shipped[row.name], control.test, control.variant
                        )
                        by_variant.setdefault(control.variant, []).append(one)
        update = ppa_version.update_of(request.version)
        made: list[ServiceRun] = []
        for variant, tests in by_variant.items():
            if self.ppa is None:
                reason = f"name a PPA with the packages of the variant {variant}: --control-ppa"
                made += results.not_run(request, tests, reason)
                continue
            version = _newest(self.client, self.ppa, request.source, request.series)
            if not version:
                reason = f"{self.ppa} has no {request.source} for {request.series}"
                made += results.not_run(request, tests, reason)
                continue
            other = replace(request, version=version, ppa=self.ppa)
            made += results.control(self.reader, other, tests, update, self.store)
        return made


def _newest(client: LaunchpadlibClient, ppa: PpaName, source: str, series: str) -> str:
    from debian.debian_support import Version  # noqa: PLC0415

    from backport.launchpad.upload.ppa import Ppa  # noqa: PLC0415

    found = [
        record.version
        for record in Ppa(client, ppa).records(source)
        if record.series == series and record.in_archive
    ]
    return str(max(found, key=Version)) if found else ""


def _show(tested: list[ServiceRun], controls: list[ServiceRun], args: argparse.Namespace) -> None:
    waiting_for = [one for one in tested if isinstance(one.verdict, Skipped) and not one.result]
    if waiting_for and not args.quiet:
        print("To request these tests, open each address in a browser that is logged in to")
        print("Launchpad as somebody who may upload the package:")
        for one in waiting_for:
            print(f"  {one.request}")
    for one in tested:
        if one.result and not (args.quiet and verdict.kind(one.verdict) == "passed"):
            what = f"{one.series}/{one.source} on {one.arch}"
            reason = verdict.text(one.verdict)
            print(f"{what}: {verdict.kind(one.verdict)}{': ' + reason if reason else ''}")
    said: dict[str, int] = {}
    for control in controls:
        what = f"control of {control.test} ({control.series}/{control.source})"
        line = f"{what}: {verdict.kind(control.verdict)}: {verdict.text(control.verdict)}"
        if not (args.quiet and verdict.kind(control.verdict) == "passed"):
            said[line] = said.get(line, 0) + 1
    for line, count in said.items():
        print(f"{line}{f' ({count} architectures)' if count > 1 else ''}")
    if not args.quiet:
        kinds = [verdict.kind(one.verdict) for one in tested]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        print(ui.event_line(Note(f"{len(tested)} requests: {counts or 'none'}")))


def _exit_code(
    args: argparse.Namespace, tested: list[ServiceRun], controls: list[ServiceRun]
) -> int:
    from backport.launchpad.autopkgtest.results import code  # noqa: PLC0415

    every = [one.verdict for one in tested] + [control.verdict for control in controls]
    if any(code(one) for one in every):
        return 4
    return 4 if args.strict and any(isinstance(one, Skipped) for one in every) else 0
