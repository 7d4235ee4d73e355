"""A whole check of a source package that was really made, with a .deb beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.check import finding, planned, steps
from backport.check.finding import Finding
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome
from backport.engine.verdict import Failed, Passed
from backport.environments import prepared
from backport.environments.base import PreparedBase
from backport.recipe.model import ControlEdit, PinnedDsc, Recipe
from tests.build.packages import index, make_deb
from tests.check.trees import toolchain
from tests.source import packages as made
from tests.support.source_builder import PackageSpec, build_dsc, make_recipe, patch_text

COPYRIGHT = {
    "copyright": "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
}
# An old fault of the pinned package, which no check may hold against the update.
SPEC = PackageSpec(
    debian={**COPYRIGHT, "small.service": "[Service]\nExecStart=/bin/true\nRestartSteps=3\n"}
)
LOST = "#!/bin/sh\n/usr/lib/small/lost\n"
QUILT = {"lock.patch": made.PATCH, "series": "lock.patch\n"}


def action(
    place: Path, recipe: Recipe, fetched: Path, source: Path, test: str
) -> tuple[Outcome, tuple[Finding, ...]]:
    """A check of the package `small` for xenial, as a run does it."""
    needs = {
        StepId("fetch", source="small"): fetched,
        StepId("source", "xenial", "small"): source,
        StepId("base", "xenial"): place,
        StepId("build", "xenial", "small"): place / "build",
    }
    out, scratch = place / f"out-{test}", place / f"scratch-{test}"
    out.mkdir()
    scratch.mkdir()
    step = Step(StepId("check", "xenial", "small", test=test))
    outcome = steps.action(recipe, step, out, needs, scratch)
    assert outcome.outputs == (finding.FILE,)
    return outcome, finding.read(out / finding.FILE)


def checked(
    place: Path,
    changes: str,
    *,
    spec: PackageSpec = SPEC,
    quilt: dict[str, str] = QUILT,
    control: tuple[ControlEdit, ...] = (),
    files: dict[str, str] | None = None,
    older: Path | None = None,
    version: str = "1.0-1ubuntu0.16.04.1",
    checks: tuple[str, ...] = (planned.SOURCE,),
) -> tuple[Outcome, tuple[Finding, ...]]:
    """Make the update of a pinned package, and do checks of it; the outcome is the first's.

    Parameters:
        files: what the package that was built has. older: the archive's packages.
        checks: of the source package, and ``""`` of what was built.
    """
    make_deb(place / "build", "small", made.NEW_VERSION, files=files)
    make_deb(place / "base", "dash", "1.0", files={"bin/sh!": LOST}, fields="Essential: yes\n")
    index(place / "base")
    base = PreparedBase("ubuntu", "xenial", place / "base", place, place, older=older)
    prepared.write(base, place)
    dsc = build_dsc(spec, place / "fetch")
    recipe = make_recipe(place, spec, patches=quilt, changes=(changes,), control=control)
    package = made.make_update(place, recipe, dsc, version)
    pin = PinnedDsc(spec.version, dsc.name, "0" * 64, path=str(dsc))
    recipe = replace(
        recipe,
        sources=(replace(recipe.sources[0], pinned=pin),),
        series=tuple(replace(series, toolchain=toolchain()) for series in recipe.series),
    )
    done = [action(place, recipe, dsc.parent, package.dsc.parent, check) for check in checks]
    return done[0][0], tuple(one for _, findings in done for one in findings)


def test_a_sound_update_has_no_error_and_faults_that_were_there_are_not_new(tmp_path: Path) -> None:
    both = (planned.SOURCE, "")
    outcome, findings = checked(tmp_path, "Wait for the lock in src/main.txt.", checks=both)
    assert (tmp_path / "out-" / steps.LINTIAN_LOG).read_text()
    assert [one for one in findings if one.fails] == []
    (old,) = [one for one in findings if "RestartSteps" in one.why]
    assert (old.severity, old.new) == ("error", False)
    assert isinstance(outcome.verdict, Passed)


def test_what_is_newer_than_the_series_and_not_spoken_of_fails(tmp_path: Path) -> None:
    edit = ControlEdit("source", "Build-Depends", "it", add=("debhelper (>= 12)",))
    outcome, findings = checked(tmp_path, "Say hello.", control=(edit,))
    rules = {one.rule for one in findings if one.fails}
    assert rules == {"newer-build-dependency", "unexplained-change"}
    assert isinstance(outcome.verdict, Failed)
    assert "errors" in outcome.verdict.detail
    assert outcome.verdict.log == finding.FILE


@pytest.mark.parametrize("lacks_too", [False, True])
def test_a_program_that_is_not_there_is_new_unless_the_archives_package_lacks_it_too(
    tmp_path: Path, lacks_too: bool
) -> None:
    lost = {"DEBIAN/postinst!": LOST}
    make_deb(tmp_path / "older", "small", "0.9-1", files=lost)
    older = tmp_path / "older" if lacks_too else None
    item = "Wait for the lock in src/main.txt."
    _, findings = checked(tmp_path, item, files=lost, older=older, checks=("",))
    assert {one.rule for one in findings if one.fails} == (
        set() if lacks_too else {"program-not-installed"}
    )


def test_the_check_says_where_the_patches_are_applied_and_reads_their_headers(
    tmp_path: Path,
) -> None:
    _, findings = checked(tmp_path, "Say hello.", spec=made.NATIVE, version="1.0ubuntu0.16.04.1")
    (applied,) = [one for one in findings if one.rule == "change-outside-debian"]
    assert (applied.severity, "lock.patch is applied" in applied.why) == ("info", True)
    assert [one.place for one in findings if one.rule == "unexplained-change"] == [
        "debian/patches/lock.patch"
    ]


def test_a_patch_of_our_own_packaging_is_none_of_the_updates(tmp_path: Path) -> None:
    recipe, orig = made.own_packaging(tmp_path / "own", made.SPEC)
    folder = recipe.sources[0].patches / "debian/patches"
    folder.mkdir()
    patch = patch_text("src/main.txt", made.BEFORE, made.AFTER, header="Description: some words\n")
    (folder / "own.patch").write_text(patch)
    (folder / "series").write_text("own.patch\n")
    source = made.make_own(tmp_path / "own", recipe, orig).dsc.parent
    _, findings = action(tmp_path, recipe, orig.parent, source, planned.SOURCE)
    assert "toolchain-unknown" in {one.rule for one in findings}
    assert [one for one in findings if "own.patch" in one.place] == []
