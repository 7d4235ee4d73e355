"""Build a source package a second time, elsewhere and as somebody else, and compare.

The second build has another path, user, umask, locale, time zone (its date is another one) and
moment. What the clock of the machine says cannot be changed for one build alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backport.archive import localrepo
from backport.build import sbuild
from backport.check import finding
from backport.check.finding import Finding
from backport.errors import StepError
from backport.process import require, run
from backport.recipe import Recipe
from backport.source.changelog import timestamp
from backport.source.files import sha256_of
from backport.step import Step
from backport.verdict import Passed
from backport.verdict import text as verdict_text

LOG = "second-build.log"
_SHOWN_LINES = 3


def check(
    recipe: Recipe, step: Step, needs: Mapping[str, Path], out: Path, scratch: Path
) -> tuple[Finding, ...]:
    """Build again, and compare with the packages of the build step; parameters as of `action`.

    Raises:
        StepError: the second build does not pass.
    """
    from backport.outputs import BUILT_ORIGIN, built_debs, one_file, read_prepared  # noqa: PLC0415

    own = f"build/{step.series}/{step.source}"
    dsc = one_file(needs[f"source/{step.series}/{step.source}"], "*.dsc")
    base = read_prepared(needs[f"base/{step.series}"])
    repositories = [base.repository]
    before = [folder for name, folder in needs.items() if name.startswith("build/") and name != own]
    if debs := built_debs(before):
        epoch = int(timestamp(recipe.date))
        made = localrepo.publish(debs, scratch / "built", origin=BUILT_ORIGIN, epoch=epoch)
        repositories.insert(0, made.path)
    again = scratch / "again"
    result = sbuild.build(
        dsc,
        chroot=base.chroot,
        repositories=repositories,
        out=again,
        series=step.series,
        options=sbuild.BuildOptions(varied=True),
    )
    (again / sbuild.LOG).rename(out / LOG)
    if not isinstance(result.verdict, Passed):
        why = f"the second build did not pass: {verdict_text(result.verdict)}"
        raise StepError(why, where=LOG, advice="read the log")
    return compare(needs[own], again, out)


def compare(first: Path, second: Path, out: Path) -> tuple[Finding, ...]:
    """A finding for each .deb that is not the same in both folders, with diffoscope's answer.

    Parameters:
        out: where diffoscope's answers go, as PACKAGE.diffoscope.txt.
    """
    found = []
    names = {path.name for folder in (first, second) for path in folder.glob("*.deb")}
    for name in sorted(names):
        one, other = first / name, second / name
        if not (one.is_file() and other.is_file()):
            which = "first" if one.is_file() else "second"
            why = f"only the {which} build makes it"
            found.append(finding.make("not-reproducible", "error", name, why, "read both logs"))
        elif sha256_of(one) != sha256_of(other):
            report = out / f"{name.partition('_')[0]}.diffoscope.txt"
            why = f"two builds differ: {diffoscope(one, other, report)}"
            advice = f"see {report.name}"
            found.append(finding.make("not-reproducible", "error", name, why, advice))
    return tuple(found)


def diffoscope(one: Path, other: Path, report: Path) -> str:
    """Where two files differ, in a few words; the whole answer is in `report`.

    Raises:
        MachineError: diffoscope is not installed.
    """
    program = require("diffoscope", "diffoscope-minimal")
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
    return ", ".join(shown[:_SHOWN_LINES]) or "diffoscope names no file"
