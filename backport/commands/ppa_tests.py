"""The command `test --on ppa`: Ubuntu's autopkgtest service as the engine."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import closing
from dataclasses import replace

from debian.debian_support import Version

from backport.commands import common, waiting
from backport.engine import records, verdict
from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped
from backport.errors import StepError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.autopkgtest import results, service, verdicts
from backport.launchpad.autopkgtest.service import Request
from backport.launchpad.autopkgtest.verdicts import FORMAT, ServiceRun
from backport.launchpad.upload import ppa as ppas
from backport.recipe import reader as recipe_file
from backport.recipe.model import Recipe
from backport.source.dep8 import named_tests
from backport.source.text import read_text
from backport.transport import Limits

RESULTS_VARIABLE = "BACKPORT_AUTOPKGTEST_RESULTS"


def run(args: argparse.Namespace) -> int:
    """Print the addresses that request the tests, and read what results there are."""
    for option in ("offline", "test", "base", "keep", "long"):
        if getattr(args, option):
            what = "Ubuntu's service runs all tests of a package, on its own machines"
            raise UsageError(what, where=f"--{option}", advice="leave it out with --on ppa")
    recipe = recipe_file.load(args.recipe, outside=args.outside, matrix=args.matrix)
    common.selection(args, recipe)
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    second = ppas.parse_name(args.control_ppa, where="--control-ppa") if args.control_ppa else None
    if second == ppa:
        raise UsageError("the control needs a PPA of its own", where="--control-ppa")
    store = Store(common.work_folder(args, recipe))
    before = verdicts.read_summary(store.work)
    reader = results.Reader(os.environ.get(RESULTS_VARIABLE, "") or service.RESULTS, Limits())
    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client, store.locked():
        uploads, notes = waiting.recorded(args, store.work, str(ppa), client.root)
        for text in notes:
            common.note(text, args)
        requests = [
            service.Request(upload.source, upload.series, arch, upload.version, ppa)
            for upload in uploads
            for arch in args.arch or common.ARCHITECTURES
        ]
        tested: list[ServiceRun] = []
        controls: list[ServiceRun] = []
        for request in requests:
            shipped = _shipped(recipe, request)
            tested.append(results.read(reader, request, shipped, store))
            for asked in _controls(recipe, request, shipped):
                if second is None:
                    controls += asked
                    continue
                version = _newest(client, second, request)
                other = replace(request, version=version, ppa=second)
                update = ppas.update_of(request.version)
                controls += results.control(reader, other, asked, update, store)
        summary = verdicts.ServiceSummary(
            str(ppa), str(second or ""), client.root, tuple(tested), tuple(controls)
        ).after(before)
        path = summary.write(store.work)
    if args.json:
        data = {"event": "ppa-tests", "format": FORMAT, **records.encode(summary)}
        print(json.dumps(data, default=records.encode))
    else:
        _show(tested, controls, args)
        if not args.quiet:
            print(f"All of it is in {path}.")
    common.remake_evidence(args, store)
    failing = (Failed, Broken, Skipped) if args.strict else (Failed, Broken)
    failed = any(isinstance(one.verdict, failing) for one in tested + controls)
    return StepError.exit_code if failed else 0


def _shipped(recipe: Recipe, request: Request) -> tuple[str, ...]:
    """The recipe's tests of a source package."""
    file = recipe.source(request.source).tests / "control"
    return tuple(named_tests(read_text(file))) if file.is_file() else ()


def _controls(recipe: Recipe, request: Request, shipped: tuple[str, ...]) -> list[list[ServiceRun]]:
    """The negative controls of the tests that the package ships, by their variant."""
    by_variant: dict[str, list[ServiceRun]] = {}
    for row in recipe.matrix:
        if row.source != request.source or row.name not in shipped or row.matrix:
            continue
        for negative in row.controls:
            if variant := negative.variant:
                why = f"name a PPA with packages of the variant {variant}: --control-ppa"
                skipped = Skipped(f"control not run: {why}")
                run = ServiceRun(*request.cell, "", skipped, test=row.name, variant=variant)
                by_variant.setdefault(variant, []).append(replace(run, control=negative.test))
    return list(by_variant.values())


def _newest(client: LaunchpadlibClient, ppa: PpaName, request: Request) -> str:
    versions = [
        record.version
        for record in client.published_sources(request.source, ppa=ppa)
        if record.series == request.series and record.in_archive
    ]
    return str(max(versions, key=Version)) if versions else ""


def _show(tested: list[ServiceRun], controls: list[ServiceRun], args: argparse.Namespace) -> None:
    unasked = [one.request for one in tested if not one.result]
    if unasked and not args.quiet:
        print("To request these tests, open each address in a browser that is logged in to")
        print("Launchpad as somebody who may upload the package:")
        print("\n".join(f"  {address}" for address in unasked))
    for run in (*(run for run in tested if run.result), *controls):
        if not (args.quiet and isinstance(run.verdict, Passed)):
            name = f"{run.series}/{run.source} on {run.arch}"
            name = f"control of {run.test} ({name})" if run.control else name
            print(f"{name}: {verdict.kind(run.verdict)}: {verdict.text(run.verdict)}")
