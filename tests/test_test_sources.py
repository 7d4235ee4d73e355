"""Source packages that only tests need: in the recipe, and in the graph of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backport.errors import RecipeError
from backport.recipe import reader
from backport.recipe.model import Recipe
from backport.run.plan import Selection
from tests.support import recipes
from tests.support.recipes import SHA256
from tests.support.steps import planned
from tests.support.wrong_recipes import TWO

SPEC = replace(
    TWO,
    archive={},
    retired={},
    matrix=(
        {"name": "smoke", "source": "alpha"},
        {
            "name": "upgrade",
            "source": "beta",
            "matrix": True,
            "with": ["beta-0.5"],
            "control": {"test": "upgrade-control", "variant": "plain"},
        },
        {"name": "others", "source": "alpha", "matrix": True, "with": ["gamma-9"]},
    ),
)


def old(source: str, version: str, **more: Any) -> dict[str, Any]:
    """The table of a test source."""
    return {
        "source": source,
        "version": version,
        "series": ["xenial", "yakkety"],
        "purpose": "what the machines have before",
        "upstream": {"url": f"https://example.org/{source}-{version}.tar.gz", "sha256": SHA256}
        | {"file": f"{source}-{version}.tar.gz"},
        **more,
    }


TABLES = {
    "beta-0.5": old("beta", "0.5", needs=["gamma-9"], **{"debian-version": "0.5-3"}),
    "gamma-9": old("gamma", "9", series=["xenial"]),
}


def path_of(root: Path, tables: Mapping[str, Mapping[str, Any]]) -> Path:
    """A recipe with these test sources."""
    for name in tables:
        debian = root / "patches" / "test-sources" / name / "debian"
        debian.mkdir(parents=True, exist_ok=True)
        (debian / "control").write_text(f"Source: {name}\n")
    content = recipes.data(SPEC)
    content["test-source"] = dict(tables)
    return recipes.write(root, SPEC, content)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    tables = TABLES | {"beta-0.5": TABLES["beta-0.5"] | {"series": ["xenial"]}}
    return reader.load(path_of(tmp_path, tables))


def names(recipe: Recipe, kind: str, selection: Selection | None = None) -> set[str]:
    steps = planned(recipe, selection or Selection())
    return {name.partition("/")[2] for name, step in steps.items() if step.id.kind == kind}


def test_a_test_source_is_read_with_its_version_as_it_stands(recipe: Recipe) -> None:
    one = recipe.test_source("beta-0.5")
    assert one is not None
    assert (one.package.name, one.package.version) == ("beta", "0.5")
    assert one.package.debian_version == "0.5-3"
    assert recipe.built("beta-0.5") is one.package
    assert recipe.built("beta").version == "1.0"


def test_it_is_built_in_the_series_that_it_is_for_with_what_it_needs(recipe: Recipe) -> None:
    steps = planned(recipe)
    assert names(recipe, "fetch") == {"alpha", "beta", "beta-0.5", "gamma-9"}
    assert set(map(str, steps["build/xenial/beta-0.5"].needs)) == {
        "source/xenial/beta-0.5",
        "base/xenial",
        "build/xenial/gamma-9",
    }
    assert not any(name.startswith("build/yakkety/beta-0.5") for name in steps)


def test_only_the_row_that_names_it_has_its_packages_and_so_has_its_control(recipe: Recipe) -> None:
    steps = planned(recipe)
    older = steps["build/xenial/beta-0.5"].id
    has = {name for name, step in steps.items() if older in step.needs}
    assert has == {"test/xenial/beta.upgrade", "test/xenial/beta.upgrade-control+plain"}


def test_a_row_runs_in_the_series_that_its_test_sources_are_for(recipe: Recipe) -> None:
    assert names(recipe, "test") == {
        "xenial/alpha.smoke",
        "xenial/alpha.others",
        "xenial/beta.upgrade",
        "xenial/beta.upgrade-control+plain",
        "yakkety/alpha.smoke",
    }


def test_a_row_may_have_what_the_archive_of_its_series_has(tmp_path: Path) -> None:
    content = recipes.data(SPEC)
    row = {"name": "move", "source": "alpha", "from-archive": True, "control": {"test": "harm"}}
    content["matrix"]["test"].append(row)
    content["series"]["xenial"]["archive"] = {"beta": {"version": "0.5-3"}}
    tables = TABLES | {"beta-0.5": TABLES["beta-0.5"] | {"series": ["xenial"]}}
    path_of(tmp_path, tables)
    content["test-source"] = tables
    recipe = recipes.load(tmp_path, replace(SPEC, matrix=(*SPEC.matrix, row)), content)
    for kind, wanted in (("stand-in", {"build/xenial/beta-0.5"}), ("ubuntu", set())):
        steps = planned(recipe, Selection(tests=("move",)), kind)
        for name in ("xenial/alpha.move", "xenial/alpha.harm"):
            needs = steps[f"test/{name}"].needs
            assert {str(need) for need in needs if need.source == "beta-0.5"} == wanted
        needs = steps["test/yakkety/alpha.move"].needs
        assert not [need for need in needs if "beta-0" in need.source]


def test_a_run_that_needs_none_of_them_makes_none(recipe: Recipe) -> None:
    asked = Selection(tests=("smoke",))
    assert names(recipe, "build", asked) == {
        "xenial/alpha",
        "xenial/beta",
        "yakkety/alpha",
        "yakkety/beta",
    }


PINNED = {
    "source": "alpha",
    "series": ["xenial"],
    "purpose": "the package without the update",
    "pinned": {"version": "1.0-1", "dsc": "alpha_1.0-1.dsc", "sha256": SHA256}
    | {"url": "https://example.org/alpha_1.0-1.dsc"},
}


def with_pinned(root: Path, **row: Any) -> Recipe:
    """A recipe with a pinned test source, which needs another one, and a row about it."""
    needs = PINNED | {"source": "delta", "pinned": {**PINNED["pinned"], "dsc": "delta_1.0-1.dsc"}}
    tables = {"alpha-before": PINNED | {"needs": ["delta-before"]}, "delta-before": needs}
    content = recipes.data(replace(SPEC, matrix=()))
    content["test-source"] = tables
    content["matrix"]["test"] = [{"name": "smoke", "source": "alpha"} | row]
    return recipes.load(root, replace(SPEC, matrix=()), content)


def test_a_pinned_test_source_has_the_version_of_its_dsc(tmp_path: Path) -> None:
    package = with_pinned(tmp_path).built("alpha-before")
    assert (package.version, package.debian_version) == ("1.0", "1.0-1")


def test_a_row_is_given_what_was_there_before_and_runs_where_that_is_made(tmp_path: Path) -> None:
    recipe = with_pinned(tmp_path, before="alpha-before")
    assert recipe.before(recipe.matrix[0]) == {"alpha-before", "delta-before"}
    steps = planned(recipe)
    assert names(recipe, "test") == {"xenial/alpha.smoke"}
    built = {need.source for need in steps["test/xenial/alpha.smoke"].needs if need.kind == "build"}
    assert built == {"alpha", "beta", "alpha-before", "delta-before"}


def test_a_row_may_run_the_tests_of_a_pinned_test_source_beside_the_update(tmp_path: Path) -> None:
    recipe = with_pinned(tmp_path, name="theirs", source="delta-before")
    steps = planned(recipe)
    assert set(map(str, steps["test/xenial/delta-before.theirs"].needs)) == {
        "base/xenial",
        "source/xenial/delta-before",
        *(f"build/xenial/{name}" for name in ("alpha", "beta", "delta-before")),
    }


def test_a_row_about_a_pinned_test_source_is_no_row_of_the_matrix(tmp_path: Path) -> None:
    for row, said in (
        ({"source": "delta-before", "matrix": True}, "source: 'delta-before' is no source of"),
        ({"before": "alpha-before", "from-archive": True}, "from-archive: it is run on what was"),
    ):
        with pytest.raises(RecipeError, match=rf"matrix\.test\[1\]\.{said}"):
            with_pinned(tmp_path, **row)
