"""What the actions read from control files, stored bases and autopkgtest's results."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from backport.engine import records
from backport.engine.outputs import DEPENDENCIES
from backport.engine.step import Step, StepId
from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.environments.base import Dependencies
from backport.environments.ubuntu import Ubuntu
from backport.recipe import model
from backport.recipe.model import BasePin
from backport.run import actions
from backport.testbed.result import OneTest, TestResult
from tests.support import recipes
from tests.support.recipes import Spec
from tests.support.source_builder import PackageSpec, build_dsc


def actions_in(place: Path, recipe: model.Recipe) -> tuple[actions.Actions, Path]:
    """The actions for a recipe, and an empty folder for a step."""
    (place / "out").mkdir()
    options = actions.Options(place / "cache")
    return actions.Actions(recipe, Store(place / "work"), Ubuntu(), options), place / "out"


def result(verdict: Verdict, *tests: OneTest) -> TestResult:
    return TestResult(verdict, tests)


def test_the_tests_depends_are_collected_without_the_tested_packages() -> None:
    control = (
        "Tests: one\nDepends: @, certbot (>= 0.10), openssl | libressl\n\n"
        "Tests: two\nDepends: openssl | libressl,\n python2.7, @builddeps@\n"
    )
    assert actions.test_depends(control) == ("certbot (>= 0.10)", "openssl | libressl", "python2.7")


ONE = OneTest("one", Failed("test", "it is wrong"))


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (result(Failed("test", "one of two"), OneTest("one", Passed()), ONE), Passed()),
        (result(Failed("test", "one of one"), ONE), ONE.verdict),
        (result(Skipped("no bus"), OneTest("one", Skipped("no bus"))), Skipped("no bus")),
        (result(Passed(), OneTest("other", Passed())), Broken("autopkgtest did not report on one")),
        (result(Failed("badpkg", "not installable")), Failed("badpkg", "not installable")),
        (result(Broken("no testbed")), Broken("no testbed")),
    ],
)
def test_the_verdict_is_that_of_the_test_asked_for_and_no_answer_is_no_pass(
    ended: TestResult, expected: Verdict
) -> None:
    assert actions.single_verdict(ended, "one") == expected


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
    table, out = actions_in(tmp_path, recipe)
    step = Step(StepId("source", "xenial", "old-before"))
    fetched = {StepId("fetch", source="old-before"): dsc.parent}
    outcome = table.source(step, out, fetched)
    assert outcome.verdict == Passed("1.0-1 (as it is, never uploaded)")
    assert sorted(outcome.outputs) == sorted(path.name for path in out.iterdir())
    assert (out / dsc.name).read_bytes() == dsc.read_bytes()
    # Nothing is to be laid on it, so no packaging of ours says what it makes.
    table.dependencies(Step(StepId("dependencies")), out, {step.id: out})
    assert "old" in json.loads((out / DEPENDENCIES).read_text())["own"]


HERE = {"xenial": frozenset({"alpha"})}
ALL = Dependencies(("debhelper", "python"), ("apt",), frozenset({"alpha", "beta"}), HERE)


@pytest.mark.parametrize(
    ("change", "within"),
    [
        ({}, True),
        ({"build": ("debhelper",), "own": frozenset({"alpha"}), "made_in": {}}, True),
        ({"build": ("dh-python",)}, False),
        ({"own": frozenset({"gamma"})}, False),
        ({"made_in": {"xenial": frozenset({"beta"})}}, False),
    ],
)
def test_a_base_will_do_for_a_run_with_fewer_dependencies(
    change: dict[str, Any], within: bool
) -> None:
    assert replace(ALL, **change).within(ALL) is within


def test_what_is_built_for_other_series_only_is_the_archives() -> None:
    assert (ALL.elsewhere("xenial"), ALL.elsewhere("zesty")) == ({"beta"}, frozenset())


def test_the_step_keeps_the_dependencies_of_an_earlier_run_that_had_more(tmp_path: Path) -> None:
    table, out = actions_in(tmp_path, recipes.load(tmp_path / "recipe", Spec()))
    step = Step(StepId("dependencies"))
    before = tmp_path / "work/dependencies"
    before.mkdir(parents=True)

    def collected() -> Dependencies:
        table.dependencies(step, out, {})
        return records.load(Dependencies, out / DEPENDENCIES, what="", advice="")

    needed = collected()
    more = replace(needed, build=("debhelper",))
    (before / DEPENDENCIES).write_text(json.dumps(asdict(more), default=sorted))
    assert collected() == more
    (before / DEPENDENCIES).write_text(json.dumps(asdict(replace(more, test=())), default=sorted))
    assert collected() == needed
    (before / DEPENDENCIES).write_text('{"build": []}')
    assert collected() == needed
