from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.engine.step import Step
from backport.recipe import model as update
from backport.recipe.model import Published, Recipe, Retired
from backport.run.plan import Selection
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.source_builder import write_files
from tests.support.steps import changed, names, planned

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
    steps = planned(recipe, Selection(long=long))
    return {name: step for name, step in steps.items() if step.id.kind == "check"}


PAIRS = ("xenial/alpha", "zesty/alpha", "zesty/beta", "xenial/beta")
LIVES = {"check/xenial/lifecycle", "check/zesty/lifecycle"}


def test_a_plain_run_builds_one_source_package_twice_and_a_long_one_all(recipe: Recipe) -> None:
    plain = {"check/xenial/alpha", "check/xenial/beta", "check/zesty/alpha", "check/zesty/beta"}
    common = {*plain, *(f"{name}.source" for name in plain), *LIVES}
    assert set(checks(recipe)) == {*common, "check/xenial/alpha.reproducible"}
    assert set(checks(recipe, long=True)) == {*common, *(f"{name}.reproducible" for name in plain)}


def test_a_run_that_names_its_tests_has_no_lifecycle_and_one_without_checks_has_none(
    recipe: Recipe,
) -> None:
    asked = Selection(tests=("smoke",))
    assert not LIVES & set(planned(recipe, asked))
    assert set(planned(recipe, replace(asked, long=True))) > LIVES
    steps = planned(recipe, Selection(checks=False))
    assert {step.id.kind for step in steps.values()} & {"check", "test", "build"} == {"build"}


def test_a_file_of_an_overlay_changes_the_checks_of_its_source(recipe: Recipe) -> None:
    before = checks(recipe)
    write_files(recipe.source("beta").patches / "overlay.zesty", {"beta.install": "a b\n"})
    expected = {"check/zesty/beta", "check/zesty/beta.source"}
    assert changed(before, checks(recipe)) == expected


def test_what_is_to_be_read_is_looked_at_in_each_series_where_the_recipe_has_limits(
    recipe: Recipe,
) -> None:
    step = checks(replace(recipe, review=update.Review(all={"tests": 9})))["check/zesty/review"]
    assert names(step.needs) == ("source/zesty/alpha", "source/zesty/beta")
    other = checks(replace(recipe, review=update.Review(all={"tests": 8})))["check/zesty/review"]
    assert other.inputs != step.inputs
    assert "check/zesty/review" not in checks(recipe)


def with_older(recipe: Recipe) -> Recipe:
    """xenial has alpha 0.4, and 0.5 of what beta takes the place of; zesty has alpha 0.8."""
    xenial, zesty = recipe.series
    has = {"alpha": Published("0.4-1"), "beta": Published(""), "gamma": Published("0.5-2")}
    alpha = recipe.sources[0]

    def older(name: str, source: str, version: str, *needs: str) -> update.TestSource:
        package = replace(alpha, name=source, version=version, needs=needs)
        return update.TestSource(name, package, "for a test")

    return replace(
        recipe,
        series=(
            replace(xenial, archive=has),
            replace(zesty, archive={"alpha": Published("0.8-1"), "beta": Published("9-1")}),
        ),
        retired=(Retired("gamma", ("xenial",), "superseded", ("beta",), "it has another name"),),
        test_sources=(
            older("alpha-0.4", "alpha", "0.4", "library"),
            older("alpha-0.8", "alpha", "0.8"),
            older("gamma-0.5", "gamma", "0.5"),
            older("gamma-0.6", "gamma", "0.6"),
            older("library", "delta", "1"),
        ),
    )


def built(steps: dict[str, Step]) -> set[str]:
    """The builds of test sources, as SERIES/NAME."""
    return {
        name.removeprefix("build/")
        for name, step in steps.items()
        if step.id.kind == "build" and step.id.source not in ("alpha", "beta")
    }


def test_an_upgrade_starts_from_what_the_archive_of_that_series_has(recipe: Recipe) -> None:
    steps = planned(with_older(recipe))
    older = {"xenial/alpha-0.4", "xenial/library", "xenial/gamma-0.5", "zesty/alpha-0.8"}
    assert built(steps) == older
    for series in ("xenial", "zesty"):
        needs = steps[f"check/{series}/lifecycle"].needs
        own = {f"build/{series}/alpha", f"build/{series}/beta"}
        expected = own | {f"build/{one}" for one in older if one.startswith(series)}
        assert {str(need) for need in needs if need.kind == "build"} == expected
    # What takes the place of another source is asked for together with that.
    only = planned(with_older(recipe), Selection(("xenial",), ("alpha",)))
    assert built(only) == {"xenial/alpha-0.4", "xenial/library"}


def test_what_upgrades_start_from_is_built_for_nothing_else(recipe: Recipe) -> None:
    more = with_older(recipe)
    for selection in (Selection(until="build"), Selection(checks=False), Selection(tests=("a",))):
        assert built(planned(more, selection)) == set()
    # That base has the archive's own packages.
    assert built(planned(more, base="ubuntu")) == set()


def test_what_a_later_series_has_of_a_source_changes_its_checks(recipe: Recipe) -> None:
    xenial, zesty = recipe.series
    archive = {**zesty.archive, "alpha": Published("2.0-1")}
    after = replace(recipe, series=(xenial, replace(zesty, archive=archive)))
    names = {f"check/{name}{mark}" for name in PAIRS[:3] for mark in ("", ".source")}
    assert changed(checks(recipe), checks(after)) == {*names, "check/zesty/lifecycle"}
