from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport import plan
from backport.plan import Selection
from backport.recipe import Published, Recipe
from backport.recipe_bug import BugText
from backport.step import Step
from backport.store import step_key
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec

SPEC = Spec(
    sources=(
        SourceSpec("alpha", series=("xenial", "zesty")),
        SourceSpec("beta", series=("xenial", "zesty"), needs=("alpha",)),
    ),
    series=("xenial", "zesty"),
)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return recipes.load(tmp_path, SPEC)


def checks(recipe: Recipe, *, long: bool = False) -> dict[str, Step]:
    steps = plan.make(recipe, Selection(long=long), "stand-in")
    return {name: step for name, step in steps.items() if step.kind == "check"}


def test_a_plain_run_builds_one_source_package_twice_and_a_long_one_all(recipe: Recipe) -> None:
    plain = {"check/xenial/alpha", "check/xenial/beta", "check/zesty/alpha", "check/zesty/beta"}
    assert set(checks(recipe)) == {*plain, "check/xenial/alpha.reproducible"}
    assert set(checks(recipe, long=True)) == {
        *plain,
        *(f"{name}.reproducible" for name in plain),
        "check/xenial/lifecycle",
        "check/zesty/lifecycle",
    }


def test_the_second_build_has_what_the_first_one_had_and_its_result(recipe: Recipe) -> None:
    steps = plan.make(recipe, Selection(long=True), "stand-in")
    again, build = steps["check/xenial/beta.reproducible"], steps["build/xenial/beta"]
    assert set(again.needs) == {*build.needs, build.name}


def test_the_life_of_the_packages_needs_the_base_and_every_build_of_the_series(
    recipe: Recipe,
) -> None:
    step = checks(recipe, long=True)["check/zesty/lifecycle"]
    assert set(step.needs) == {"base/zesty", "build/zesty/alpha", "build/zesty/beta"}


def changed(before: Recipe, after: Recipe) -> set[str]:
    one, other = checks(before), checks(after)
    return {name for name in one if step_key(one[name], {}) != step_key(other[name], {})}


def test_a_tool_of_a_series_changes_the_checks_of_that_series(recipe: Recipe) -> None:
    xenial, zesty = recipe.series
    newer = replace(xenial, toolchain={"debhelper": Published("10")})
    after = replace(recipe, series=(newer, zesty))
    assert changed(recipe, after) == {"check/xenial/alpha", "check/xenial/beta"}


def test_the_text_for_the_bug_changes_every_check(recipe: Recipe) -> None:
    after = replace(recipe, bug_text=BugText("a", "b", "c"))
    assert changed(recipe, after) == {name for name in checks(recipe) if "." not in name}


def test_what_a_later_series_has_of_a_source_changes_its_checks(recipe: Recipe) -> None:
    xenial, zesty = recipe.series
    archive = {**zesty.archive, "alpha": Published("2.0-1")}
    after = replace(recipe, series=(xenial, replace(zesty, archive=archive)))
    assert changed(recipe, after) == {
        "check/xenial/alpha",
        "check/zesty/alpha",
        "check/zesty/beta",
    }
