"""What the actions read from control files, stored bases and autopkgtest's results."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from backport.engine import records
from backport.engine.outputs import DEPENDENCIES, kept_chroot
from backport.engine.step import Step, StepId
from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.environments import prepared
from backport.environments.base import Dependencies, PreparedBase
from backport.environments.ubuntu import Ubuntu
from backport.errors import InputError
from backport.run import actions
from backport.run.actions import Actions, Options
from backport.testbed.result import OneTest, TestResult
from tests.support import recipes
from tests.support.recipes import Spec

LOST = OneTest("one", Failed("test", "it is wrong"))
NONE = Broken("autopkgtest did not report on one")


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (TestResult(Failed("test", "one of two"), (OneTest("one", Passed()), LOST)), Passed()),
        (TestResult(Failed("test", "one of one"), (LOST,)), LOST.verdict),
        (TestResult(Passed(), (OneTest("other", Passed()),)), NONE),
        (TestResult(Failed("badpkg", "not installable"), ()), Failed("badpkg", "not installable")),
        (TestResult(Broken("no testbed"), ()), Broken("no testbed")),
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


def test_a_build_removes_the_chroot_that_an_earlier_one_of_it_kept(tmp_path: Path) -> None:
    recipe, store = recipes.load(tmp_path / "recipe", Spec()), Store(tmp_path / "work")
    build = StepId("build", "xenial", "alpha")
    needs = {replace(build, kind="source"): tmp_path, StepId("base", "xenial"): tmp_path}
    (tmp_path / "a.dsc").write_text("Source: alpha\n")
    prepared.write(PreparedBase("ubuntu", "xenial", tmp_path, tmp_path, tmp_path), tmp_path)
    kept, other = (kept_chroot(store, replace(build, variant=name)) for name in ("", "unpatched"))
    for folder in (kept, other):
        folder.mkdir(parents=True)
    with pytest.raises(InputError):
        Actions(recipe, store, Ubuntu(), Options(tmp_path)).build(Step(build), tmp_path, needs)
    assert (kept.exists(), other.exists()) == (False, True)


def test_the_step_keeps_the_dependencies_of_an_earlier_run_that_had_more(tmp_path: Path) -> None:
    recipe, options = recipes.load(tmp_path / "recipe", Spec()), Options(tmp_path / "cache")
    table = Actions(recipe, Store(tmp_path / "work"), Ubuntu(), options)
    step = Step(StepId("dependencies"))
    before = tmp_path / "work/dependencies"
    before.mkdir(parents=True)

    def collected() -> Dependencies:
        table.dependencies(step, tmp_path, {})
        return records.load(Dependencies, tmp_path / DEPENDENCIES, what="", advice="")

    needed = collected()
    more = replace(needed, build=("debhelper",))
    (before / DEPENDENCIES).write_text(json.dumps(asdict(more), default=sorted))
    assert collected() == more
    (before / DEPENDENCIES).write_text(json.dumps(asdict(replace(more, test=())), default=sorted))
    assert collected() == needed
    (before / DEPENDENCIES).write_text('{"build": []}')
    assert collected() == needed
