"""What the actions read from control files, stored bases and autopkgtest's results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backport.engine.outputs import DEPENDENCIES
from backport.engine.step import Step, StepId
from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.environments import prepared
from backport.environments.base import Dependencies, Differing, PreparedBase
from backport.environments.ubuntu import Ubuntu
from backport.recipe import model
from backport.recipe.model import BasePin, Series
from backport.run import actions
from backport.testbed.result import OneTest, TestResult
from tests.support import recipes
from tests.support.recipes import Spec
from tests.support.source_builder import PackageSpec, build_dsc


def result(verdict: Verdict, *tests: OneTest) -> TestResult:
    return TestResult(verdict, tests)


def test_the_tests_depends_are_collected_without_the_tested_packages() -> None:
    control = (
        "Tests: one\nDepends: @, certbot (>= 0.10), openssl | libressl\n\n"
        "Tests: two\nDepends: openssl | libressl,\n python2.7, @builddeps@\n"
    )
    assert actions.test_depends(control) == ("certbot (>= 0.10)", "openssl | libressl", "python2.7")


def test_the_verdict_is_that_of_the_test_asked_for() -> None:
    both = result(
        Failed("test", "one of two"),
        OneTest("one", Passed()),
        OneTest("two", Failed("test", "it is wrong")),
    )
    assert actions.single_verdict(both, "one") == Passed()
    assert actions.single_verdict(both, "two") == Failed("test", "it is wrong")


def test_a_skipped_test_stays_skipped() -> None:
    one = result(Skipped("no such bus"), OneTest("one", Skipped("no such bus")))
    assert actions.single_verdict(one, "one") == Skipped("no such bus")


def test_a_test_that_nobody_reported_on_is_broken_even_if_the_run_passed() -> None:
    verdict = actions.single_verdict(result(Passed(), OneTest("other", Passed())), "one")
    assert verdict == Broken("autopkgtest did not report on one")


@pytest.mark.parametrize("verdict", [Failed("badpkg", "not installable"), Broken("no testbed")])
def test_a_run_that_broke_off_gives_its_own_verdict(verdict: Verdict) -> None:
    assert actions.single_verdict(result(verdict), "one") == verdict


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (
            Failed("stderr", "it warns"),
            Skipped("failed before too, on old: a crash; there: it warns"),
        ),
        (Passed(), Failed("test", "a crash; on old, from before: passed")),
        (Skipped("no network"), Failed("test", "a crash; on old, from before: skipped")),
        (Broken("no testbed"), Failed("test", "a crash; on old, from before: broken")),
    ],
)
def test_a_failure_counts_unless_the_test_failed_before(before: Verdict, expected: Verdict) -> None:
    assert actions.compared(Failed("test", "a crash"), before, "old") == expected


def test_a_pinned_test_source_is_taken_as_it_is(tmp_path: Path) -> None:
    dsc = build_dsc(PackageSpec("old", "1.0-1"), tmp_path / "fetched")
    recipe = recipes.load(tmp_path / "recipe", Spec())
    base = BasePin("1.0-1", dsc.name, "0" * 64, path=str(dsc))
    package = replace(recipe.sources[0], name="old", base=base, upstream=None)
    recipe = replace(recipe, test_sources=(model.TestSource("old-before", package, "before"),))
    store = Store(tmp_path / "work")
    table = actions.Actions(recipe, store, OldArchive(), actions.Options(tmp_path / "cache"))
    out = tmp_path / "out"
    out.mkdir()
    step = Step(StepId("source", "xenial", "old-before"))
    fetched = {StepId("fetch", source="old-before"): dsc.parent}
    outcome = table.source(step, out, fetched)
    assert outcome.verdict == Passed("1.0-1 (as it is, never uploaded)")
    assert sorted(outcome.outputs) == sorted(path.name for path in out.iterdir())
    assert (out / dsc.name).read_bytes() == dsc.read_bytes()
    # Nothing is to be laid on it, so no packaging of ours says what it makes.
    table.dependencies(Step(StepId("dependencies")), out, {step.id: out})
    assert "old" in json.loads((out / DEPENDENCIES).read_text())["own"]


def test_a_prepared_base_is_read_as_it_was_written(tmp_path: Path) -> None:
    base = PreparedBase(
        "stand-in",
        "Debian bullseye",
        Path("/r"),
        Path("/c.tar"),
        Path("/t"),
        (Differing("python-six", "1.10.0-3", "1.16.0-2"),),
        notes=("a key was taken",),
    )
    prepared.write(base, tmp_path)
    assert prepared.read(tmp_path) == base


class OldArchive(Ubuntu):
    """An archive that had something to be said of, whose base takes no time."""

    def prepare(
        self, series: Series, dependencies: Dependencies, out: Path, cache: Path
    ) -> PreparedBase:
        suite = f"{series.name}, {len(dependencies.own)} packages of its own"
        return PreparedBase(self.kind, suite, out, cache, out, notes=("a key was taken",))


def test_the_bases_step_keeps_what_is_to_be_said_of_the_archive(tmp_path: Path) -> None:
    recipe = recipes.load(tmp_path / "recipe", Spec())
    store = Store(tmp_path / "work")
    with store.locked():
        (tmp_path / DEPENDENCIES).write_text(json.dumps(ALL.to_json()))
        options = actions.Options(tmp_path / "cache")
        outcome = actions.Actions(recipe, store, OldArchive(), options).prepare_base(
            Step(StepId("base", "xenial")), tmp_path, {StepId("dependencies"): tmp_path}
        )
    assert outcome.verdict == Passed("ubuntu (xenial, 2 packages of its own); a key was taken")
    assert prepared.read(tmp_path).notes == ("a key was taken",)


HERE = {"xenial": frozenset({"alpha"})}
ALL = Dependencies(("debhelper", "python"), ("apt",), frozenset({"alpha", "beta"}), HERE)


@pytest.mark.parametrize(
    ("change", "within"),
    [
        ({}, True),
        ({"build": ("debhelper",), "own": frozenset({"alpha"}), "made_in": {}}, True),
        ({"build": ("dh-python",)}, False),
        ({"test": ("apt", "procps")}, False),
        ({"own": frozenset({"gamma"})}, False),
        ({"made_in": {"xenial": frozenset({"beta"})}}, False),
        ({"made_in": {"zesty": frozenset({"alpha"})}}, False),
    ],
)
def test_a_base_will_do_for_a_run_with_fewer_dependencies(
    change: dict[str, Any], within: bool
) -> None:
    assert replace(ALL, **change).within(ALL) is within


def test_dependencies_are_read_as_they_were_written() -> None:
    assert Dependencies.from_json(json.loads(json.dumps(ALL.to_json()))) == ALL


def test_what_is_built_for_other_series_only_is_the_archives() -> None:
    assert (ALL.elsewhere("xenial"), ALL.elsewhere("zesty")) == ({"beta"}, frozenset())


def test_the_step_keeps_the_dependencies_of_an_earlier_run_that_had_more(tmp_path: Path) -> None:
    recipe, store = recipes.load(tmp_path / "recipe", Spec()), Store(tmp_path / "work")
    table = actions.Actions(recipe, store, OldArchive(), actions.Options(tmp_path / "cache"))
    step, (out, before) = (
        Step(StepId("dependencies")),
        (tmp_path / "out", tmp_path / "work/dependencies"),
    )
    out.mkdir()
    before.mkdir(parents=True)

    def collected() -> Dependencies:
        table.dependencies(step, out, {})
        return Dependencies.from_json(json.loads((out / DEPENDENCIES).read_text()))

    needed = collected()
    more = replace(needed, build=("debhelper",))
    (before / DEPENDENCIES).write_text(json.dumps(more.to_json()))
    assert collected() == more
    (before / DEPENDENCIES).write_text(json.dumps(replace(more, test=()).to_json()))
    assert collected() == needed
    (before / DEPENDENCIES).write_text('{"build": []}')
    assert collected() == needed
