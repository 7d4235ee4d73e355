"""Build a source package a second time, elsewhere and as somebody else, and compare.

The second build has another path, user, umask, locale, time zone (its date is another one) and
moment. What the clock of the machine says cannot be changed for one build alone.

Where the two differ and the recipe pins a .dsc, that is built twice in the same ways: what differs
there too is no fault of the update.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backport.build import sbuild
from backport.build.session import BuildOptions
from backport.check import finding
from backport.check.finding import Finding
from backport.engine.outputs import built_debs, one_file
from backport.engine.process import run
from backport.engine.step import Step, StepId
from backport.engine.verdict import Passed
from backport.engine.verdict import text as verdict_text
from backport.environments import localrepo, prepared
from backport.errors import StepError
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.source import package
from backport.source.files import sha256_of
from backport.system_packages import require

LOG = "second-build.log"
_SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """A .deb that two builds do not make the same: `places` are the files that differ in it.

    Where only one build makes it, `places` says which. `report` is the name of diffoscope's answer.
    """

    deb: str
    places: tuple[str, ...]
    report: str = ""


def check(
    recipe: Recipe, step: Step, needs: Mapping[StepId, Path], out: Path, scratch: Path
) -> tuple[Finding, ...]:
    """Build again, and compare with the packages of the build step; parameters as of `action`.

    Raises:
        StepError: a build does not pass.
    """
    own = StepId("build", step.id.series, step.id.source)
    base = prepared.read(needs[StepId("base", step.id.series)])
    repositories = [base.repository]
    before = [folder for need, folder in needs.items() if need.kind == "build" and need != own]
    if debs := built_debs(before):
        repositories.insert(0, localrepo.publish(debs, scratch / "built"))

    def build(dsc: Path, log: str, *, varied: bool) -> Path:
        folder = scratch / log
        # From the plain chroot: so it shows too that a layer makes no difference.
        result = sbuild.build(
            dsc,
            chroot=base.chroot,
            repositories=repositories,
            out=folder,
            series=step.id.series,
            options=BuildOptions(varied=varied),
        )
        (folder / sbuild.LOG).rename(out / log)
        if not isinstance(result.verdict, Passed):
            why = f"this build did not pass: {verdict_text(result.verdict)}"
            raise StepError(why, where=log, advice="read the log")
        return folder

    dsc = one_file(needs[StepId("source", step.id.series, step.id.source)], "*.dsc")
    differ = compare(needs[own], build(dsc, LOG, varied=True), out)
    pin = recipe.source(step.id.source).pinned
    if not differ or pin is None:
        return findings(differ, {})
    alone = _pinned_alone(
        recipe, step, needs[StepId("fetch", source=step.id.source)] / pin.dsc, scratch
    )
    first = build(alone, "pinned-first-build.log", varied=False)
    second = build(alone, "pinned-second-build.log", varied=True)
    reports = out / "pinned"
    reports.mkdir()
    return findings(differ, compare(first, second, reports))


def _pinned_alone(recipe: Recipe, step: Step, dsc: Path, scratch: Path) -> Path:
    """The pinned package with the recipe's control edits, so that it is built where that is."""
    series, nothing = recipe.one_series(step.id.series), scratch / "nothing"
    source = versions.with_versions(recipe, recipe.source(step.id.source), series)
    bare = dataclasses.replace(source, patches=nothing, tests=nothing, packaging=())
    version = f"{source.debian_version}~ubuntu{series.version}.1"
    out = scratch / "pinned-alone"
    return package.make(recipe, bare, series, version, orig=None, pinned_dsc=dsc, out=out).dsc


def findings(
    update: Mapping[str, Difference], pinned: Mapping[str, Difference]
) -> tuple[Finding, ...]:
    """A finding for each package of the update that two builds do not make the same.

    It is not new where all that differs in it differs between two builds of the pinned package too.
    """

    results = []
    for name, difference in update.items():
        theirs = pinned[name].places if name in pinned else ()
        new = [place for place in difference.places if place not in theirs]
        why = f"two builds differ: {', '.join((new or difference.places)[:_SHOWN])}"
        why += "" if new else "; so do two builds of the pinned package"
        advice = f"see {difference.report}" if difference.report else "read both logs"
        made = finding.make("not-reproducible", "error", difference.deb, why, advice)
        results.append(dataclasses.replace(made, new=bool(new)))
    return tuple(results)


def compare(first: Path, second: Path, out: Path) -> dict[str, Difference]:
    """What differs in each package that is not the same in both folders, by its name.

    Parameters:
        out: where diffoscope's answers go, as PACKAGE.diffoscope.txt.
    """
    differences = {}
    names = {path.name for folder in (first, second) for path in folder.glob("*.deb")}
    for name in sorted(names):
        one, other, package_name = first / name, second / name, name.partition("_")[0]
        if not (one.is_file() and other.is_file()):
            which = "first" if one.is_file() else "second"
            differences[package_name] = Difference(name, (f"only the {which} build makes it",))
        elif sha256_of(one) != sha256_of(other):
            report = out / f"{package_name}.diffoscope.txt"
            differences[package_name] = Difference(
                name, diffoscope(one, other, report), report.name
            )
    return differences


def diffoscope(one: Path, other: Path, report: Path) -> tuple[str, ...]:
    """The files that differ in two packages; the whole answer is in `report`.

    Raises:
        MachineError: diffoscope is not installed.
    """
    program = require("diffoscope")
    args = ["--no-progress", "--exclude-directory-metadata=yes", "--text", str(report)]
    run([program, *args, one, other], timeout=600)
    text = report.read_text("utf-8", "replace") if report.is_file() else ""
    # The innermost files that differ; the levels above them are the packages they are in.
    places = [
        line.strip("│├─┤└ ").strip()
        for line in text.splitlines()
        if "├── " in line and not line.startswith("--- ")
    ]
    shown = [place for place in places if not place.startswith(("data.tar", "control.tar"))]
    return tuple(shown) or ("diffoscope names no file",)
