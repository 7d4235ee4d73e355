"""Rows of the test matrix from more files than the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backport.errors import RecipeError
from backport.recipe import reader
from backport.recipe.model import MatrixFolder, Recipe
from tests.support import recipes
from tests.support.recipes import SHA256, SourceSpec, Spec

SPEC = Spec(
    sources=(SourceSpec("alpha"), SourceSpec("beta")),
    variants={"plain": ("alpha",)},
    matrix=({"name": "smoke", "source": ["alpha", "beta"]},),
)
OLD = {
    "source": "old",
    "version": "0.9",
    "series": ["xenial"],
    "purpose": "what was",
    "patches": "old",
    "upstream": {"url": "https://example.org/old.tar.gz", "file": "old.tar.gz", "sha256": SHA256},
}
BARE = {"without-patches": ["beta"], "purpose": "a control"}
SLOW = {"name": "slow", "source": "alpha", "with": ["old"], "timeout": 70}
MORE: dict[str, Any] = {
    "matrix": {
        "tests": "slow-tests",
        "library": ["../autopkgtest/lib", "lib"],
        "defaults": {"matrix": True, "run": "long", "timeout": 60},
        "test": [SLOW, {"name": "slower", "source": "alpha"}],
    },
    "variant": {"bare": BARE},
    "test-source": {"old": OLD},
}


def load(root: Path, more: dict[str, Any], *, option: bool = False) -> Recipe:
    """The recipe with a file of tests, included or named by the option."""
    packaging = root / "more" / "old" / "debian"
    packaging.mkdir(parents=True)
    (packaging / "control").write_text("Source: old\n\nPackage: old\n")
    recipes.write_tests(root / "more" / "slow-tests", ["slow", "slower"])
    file = root / "more" / "tests.toml"
    file.write_text(recipes.toml(more))
    content = recipes.data(SPEC)
    if not option:
        content["matrix"]["include"] = ["more/tests.toml"]
    return reader.load(recipes.write(root, SPEC, content), matrix=[file] if option else [])


@pytest.mark.parametrize("option", [False, True])
def test_rows_variants_and_test_sources_come_from_another_file(
    tmp_path: Path, option: bool
) -> None:
    recipe = load(tmp_path, MORE, option=option)
    place = tmp_path / "more"
    slow, slower = recipe.matrix[2:]
    assert (slow.name, slow.matrix, slow.run, slow.timeout) == ("slow", True, "long", 70)
    assert (slower.timeout, slower.extra, slow.extra) == (60, (), ("old",))
    assert [variant.name for variant in recipe.variants] == ["plain", "bare"]
    assert recipe.built("old").patches == place / "old"
    assert recipe.matrix_files == (place / "tests.toml",)
    own = MatrixFolder(tmp_path / "autopkgtest/matrix", (tmp_path / "autopkgtest/lib",))
    theirs = MatrixFolder(place / "slow-tests", (place / "../autopkgtest/lib", place / "lib"))
    assert recipe.matrix_folders == (own, theirs)


def test_a_file_that_is_included_and_named_is_read_once(tmp_path: Path) -> None:
    recipe = load(tmp_path, MORE)
    assert reader.load(recipe.path, matrix=recipe.matrix_files) == recipe


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"update": {"bug": 1}}, "tests.toml: update: this key is unknown"),
        ({"matrix": {"include": ["x"]}}, "tests.toml: matrix.include: this key is unknown"),
        (
            {"matrix": {"defaults": {"tiemout": 1}, "test": [{"name": "x", "source": "alpha"}]}},
            r"tests.toml: matrix.test\[1\].tiemout: this key is unknown",
        ),
        (
            {"matrix": {"test": [{"name": "smoke", "source": "alpha"}]}},
            r"tests.toml: matrix.test\[1\].name: alpha has a test 'smoke' already",
        ),
        (
            {"variant": {"plain": BARE}},
            "tests.toml: variant.plain: backport.toml: variant.plain has that name",
        ),
    ],
)
def test_a_wrong_file_of_tests_is_refused_by_its_own_name(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        load(tmp_path, wrong)


def test_a_file_of_tests_that_is_not_there_or_not_below_the_recipe_is_refused(
    tmp_path: Path,
) -> None:
    path = recipes.write(tmp_path / "recipe", SPEC)
    outside = tmp_path / "tests.toml"
    with pytest.raises(RecipeError, match=r"there is no such file of tests; mend matrix.include"):
        reader.load(path, matrix=[outside])
    outside.write_text("")
    with pytest.raises(RecipeError, match="not below the recipe's folder"):
        reader.load(path, matrix=[outside])
