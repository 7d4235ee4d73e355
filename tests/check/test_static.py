"""A whole check of a source package that was really made, with a .deb beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.check import finding, planned, static, steps
from backport.check.finding import Finding
from backport.engine.outputs import built_debs
from backport.engine.step import Step, StepId
from backport.engine.verdict import Failed, Passed
from backport.environments import prepared as base_record
from backport.environments.base import PreparedBase
from backport.recipe.model import BasePin, ControlEdit, Recipe
from tests.build.packages import index, make_deb
from tests.check.trees import toolchain
from tests.source import packages as made
from tests.support.source_builder import PackageSpec, build_dsc, make_recipe, patch_text

COPYRIGHT = {
    "copyright": "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
}
# An old fault of the base, which no check may hold against the update.
SPEC = PackageSpec(
    debian={**COPYRIGHT, "small.service": "[Service]\nExecStart=/bin/true\nRestartSteps=3\n"}
)
LOST = "#!/bin/sh\n/usr/lib/small/lost\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return fresh(tmp_path)


def fresh(place: Path, files: dict[str, str] | None = None) -> Path:
    """A folder with a base, and a build of the package with these files."""
    (place / "build").mkdir(parents=True)
    make_deb(place / "build", "small", made.BASE_VERSION, files=files)
    make_deb(place / "base", "dash", "1.0", files={"bin/sh!": LOST}, fields="Essential: yes\n")
    index(place / "base")
    return place


def prepared(place: Path, older: Path | None = None) -> PreparedBase:
    return PreparedBase("ubuntu", "xenial", place / "base", place, place, older=older)


def checked(
    place: Path,
    *,
    quilt: dict[str, str],
    changes: tuple[str, ...],
    control: tuple[ControlEdit, ...] = (),
    older: Path | None = None,
) -> tuple[Recipe, tuple[Finding, ...]]:
    """Make the update on a base, and check it as a run would."""
    dsc = build_dsc(SPEC, place / "fetch")
    recipe = make_recipe(place, SPEC, patches=quilt, changes=changes, control=control)
    package = made.make_on_base(place, recipe, dsc)
    base = BasePin(SPEC.version, dsc.name, "0" * 64, path=str(dsc))
    recipe = replace(
        recipe,
        sources=(replace(recipe.sources[0], base=base),),
        series=tuple(replace(series, toolchain=toolchain()) for series in recipe.series),
    )
    needs = {"fetch": place / "fetch", "source": package.dsc.parent, "build": place / "build"}
    scratch = place / "scratch"
    scratch.mkdir()
    of_source = static.check_source(recipe, "small", "xenial", needs, scratch)
    (scratch / "built").mkdir()
    found, log = static.check(
        recipe,
        "small",
        "xenial",
        needs,
        scratch / "built",
        update=built_debs([place / "build"]),
        prepared=prepared(place, older),
    )
    assert log
    return recipe, finding.ordered((*of_source, *found))


def test_a_sound_update_has_no_error_and_the_faults_of_its_base_are_not_new(place: Path) -> None:
    quilt = {"lock.patch": made.PATCH, "series": "lock.patch\n"}
    _, found = checked(place, quilt=quilt, changes=("Wait for the lock in src/main.txt.",))
    assert [one for one in found if one.fails] == []
    (old,) = [one for one in found if "RestartSteps" in one.why]
    assert (old.severity, old.new) == ("error", False)
    assert isinstance(steps.outcome(found, place).verdict, Passed)
    assert finding.read(place / finding.FILE) == found


def test_a_patch_that_brings_something_newer_than_the_series_has_fails(place: Path) -> None:
    before = made.SPEC.files["src/main.txt"]
    patch = patch_text("src/main.txt", before, made.AFTER, header="Description: the lock\n")
    quilt = {"lock.patch": patch, "series": "lock.patch\n"}
    edit = ControlEdit("source", "Build-Depends", "it", add=("debhelper (>= 12)",))
    with pytest.raises(Exception, match="no Author"):
        # What has no whole header is not even made; the check of a base's own is its last net.
        checked(place, quilt=quilt, changes=("Wait.",), control=(edit,))
    _, found = checked(
        fresh(place / "again"),
        quilt={"lock.patch": made.PATCH, "series": "lock.patch\n"},
        changes=("Say hello.",),
        control=(edit,),
    )
    rules = {one.rule for one in found if one.fails}
    assert rules == {"newer-build-dependency", "unexplained-change"}
    verdict = steps.outcome(found, place).verdict
    assert isinstance(verdict, Failed)
    assert "errors" in verdict.detail
    assert verdict.log == finding.FILE


def test_a_program_that_is_not_there_is_new_unless_the_archives_package_lacks_it_too(
    tmp_path: Path,
) -> None:
    quilt = {"lock.patch": made.PATCH, "series": "lock.patch\n", "overlay/small.docs": "lost\n"}
    older = tmp_path / "older"
    make_deb(older, "small", "0.9-1", files={"DEBIAN/postinst!": LOST})
    for name, archive, rules in (
        ("one", None, {"program-not-installed", "overlay-without-effect", "unexplained-change"}),
        ("two", older, {"overlay-without-effect", "unexplained-change"}),
    ):
        place = fresh(tmp_path / name, {"DEBIAN/postinst!": LOST})
        _, found = checked(place, quilt=quilt, changes=("Say hello.",), older=archive)
        assert {one.rule for one in found if one.fails} == rules


def test_the_step_writes_its_findings_and_lintians_log(place: Path) -> None:
    dsc = build_dsc(made.SPEC, place / "archive")
    recipe, orig = made.own_packaging(place / "own", made.SPEC)
    package = made.make_own(place / "own", recipe, orig)
    assert dsc.is_file()
    out, scratch = place / "out", place / "scratch"
    out.mkdir()
    scratch.mkdir()
    needs = {
        StepId("fetch", source="small"): orig.parent,
        StepId("source", "xenial", "small"): package.dsc.parent,
        StepId("base", "xenial"): place,
        StepId("build", "xenial", "small"): place / "build",
    }
    base_record.write(prepared(place), place)
    check = Step(StepId("check", "xenial", "small"))
    outcome = steps.action(recipe, check, out, needs, scratch)
    assert outcome.outputs == (finding.FILE,)
    assert (out / steps.LINTIAN_LOG).read_text()
    needs = {need: needs[need] for need in needs if need.kind in ("fetch", "source")}
    (scratch / "source").mkdir()
    step = Step(StepId("check", "xenial", "small", test=planned.SOURCE))
    steps.action(recipe, step, out, needs, scratch / "source")
    found = finding.read(out / finding.FILE)
    assert {"toolchain-unknown", "version-form"} <= {one.rule for one in found}


def test_a_patch_of_our_own_packaging_is_none_of_the_updates(place: Path) -> None:
    recipe, orig = made.own_packaging(place / "own", made.SPEC)
    folder = recipe.sources[0].patches / "debian/patches"
    folder.mkdir()
    patch = patch_text("src/main.txt", made.BEFORE, made.AFTER, header="Description: some words\n")
    (folder / "own.patch").write_text(patch)
    (folder / "series").write_text("own.patch\n")
    made_in = made.make_own(place / "own", recipe, orig).dsc.parent
    (place / "scratch").mkdir()
    needs = {"fetch": orig.parent, "source": made_in}
    found = static.check_source(recipe, "small", "xenial", needs, place / "scratch")
    assert [one for one in found if "own.patch" in one.place] == []


def test_the_check_says_where_the_patches_are_applied_and_reads_their_headers(place: Path) -> None:
    dsc = build_dsc(made.NATIVE, place / "fetch")
    quilt = {"lock.patch": made.PATCH, "series": "lock.patch\n"}
    recipe = make_recipe(place, made.NATIVE, patches=quilt, changes=("Say hello.",))
    package = made.make_on_base(place, recipe, dsc, "1.0ubuntu0.16.04.1")
    base = BasePin(made.NATIVE.version, dsc.name, "0" * 64, path=str(dsc))
    recipe = replace(recipe, sources=(replace(recipe.sources[0], base=base),))
    needs = {"fetch": place / "fetch", "source": package.dsc.parent}
    (place / "scratch").mkdir()
    found = static.check_source(recipe, "small", "xenial", needs, place / "scratch")
    (applied,) = [one for one in found if one.rule == "change-outside-debian"]
    assert (applied.severity, "lock.patch is applied" in applied.why) == ("info", True)
    assert [one.place for one in found if one.rule == "unexplained-change"] == [
        "debian/patches/lock.patch"
    ]
