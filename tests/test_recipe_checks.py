"""What has to hang together in a recipe: names that must exist, cycles, patches, packaging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.errors import RecipeError
from backport.recipe_file import load
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.wrong_recipes import TWO, put, refusal, refusal_of, take

# ------------------------------------------------------------------ names that must exist


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("source.alpha.series", "xenail"),
        ("matrix.full", "zesty"),
        ("retired.old.series", "zesty"),
    ],
)
def test_an_unknown_series_is_refused_with_the_known_ones(
    tmp_path: Path, key: str, name: str
) -> None:
    assert refusal_of(tmp_path, put(key, to=[name])) == (
        f"backport.toml: {key}: {name!r} is no series of this recipe; "
        "write one of xenial, yakkety, or add it"
    )


def test_an_unknown_series_of_a_control_edit_is_refused(tmp_path: Path) -> None:
    edit = {
        "paragraph": "source",
        "field": "Build-Depends",
        "reason": "r",
        "add": ["x"],
        "series": ["zesty"],
    }
    assert refusal_of(tmp_path, put("source.alpha.control", to=[edit])) == (
        "backport.toml: source.alpha.control[1].series: 'zesty' is no series of this recipe; "
        "write one of xenial, yakkety, or add it"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("source.beta.needs", ["gamma"]),
        ("retired.old.by", ["gamma"]),
        ("variant.plain.without-patches", ["gamma"]),
        ("matrix.test[1].source", "gamma"),
    ],
)
def test_an_unknown_source_is_refused_with_the_known_ones(
    tmp_path: Path, key: str, value: object
) -> None:
    assert refusal_of(tmp_path, put(key, to=value)) == (
        f"backport.toml: {key}: 'gamma' is no source of this recipe; "
        "write one of alpha, beta, or add it"
    )


def test_an_upstream_version_is_asked_of_a_need_only(tmp_path: Path) -> None:
    change = put("source.beta.needs-upstream", to={"gamma": ["1.0"]})
    assert refusal_of(tmp_path, change) == (
        "backport.toml: source.beta.needs-upstream: 'gamma' is no need of this recipe; "
        "write one of alpha, or add it"
    )


def test_an_unknown_variant_of_a_control_is_refused(tmp_path: Path) -> None:
    change = put("matrix.test[2].control.variant", to="bare")
    assert refusal_of(tmp_path, change) == (
        "backport.toml: matrix.test[2].control.variant: 'bare' is no variant of this recipe; "
        "write one of plain, or add it"
    )


def test_a_control_in_a_recipe_without_variants_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, take("variant")) == (
        "backport.toml: matrix.test[2].control.variant: 'plain' is no variant of this recipe; "
        "add it"
    )


# ------------------------------------------------------------------ what hangs together


@pytest.mark.parametrize(
    ("needs", "cycles"),
    [
        ({"alpha": ["beta"], "beta": ["alpha"]}, {("alpha", "beta"), ("beta", "alpha")}),
        ({"alpha": ["alpha"], "beta": []}, {("alpha",)}),
    ],
)
def test_sources_that_need_each_other_are_refused_with_the_cycle(
    tmp_path: Path, needs: dict[str, list[str]], cycles: set[tuple[str, ...]]
) -> None:
    def change(content: dict[str, Any]) -> None:
        for name, names in needs.items():
            content["source"][name]["needs"] = names

    assert refusal_of(tmp_path, change) in {
        f"backport.toml: source.{cycle[0]}.needs: the sources need each other in a cycle: "
        f"{' -> '.join((*cycle, cycle[0]))}; take one of these out of needs"
        for cycle in cycles
    }


@pytest.mark.parametrize("series_file", ["series", "series.yakkety"])
def test_a_patch_that_is_listed_and_missing_is_refused(tmp_path: Path, series_file: str) -> None:
    spec = Spec(sources=(SourceSpec("alpha", quilt={series_file: ("one.patch", "two.patch")}),))
    path = recipes.write(tmp_path, spec)
    folder = tmp_path / "patches" / "alpha"
    (folder / "two.patch").unlink()
    assert refusal(path) == (
        f"backport.toml: source.alpha.patches: {series_file} lists two.patch, "
        f"which is not in {folder}; add the patch or take its line out"
    )


def test_neither_packaging_nor_base_is_refused(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, TWO)
    packaging = tmp_path / "patches" / "beta" / "debian"
    (packaging / "control").unlink()
    assert refusal(path) == (
        "backport.toml: source.beta.base: there is neither a pinned .dsc nor our own packaging; "
        f"pin one with: backport pin, or write {packaging}"
    )


# ------------------------------------------------------------------ whatever comes


@given(
    key=st.sampled_from(
        [
            "update.bug",
            "update",
            "series",
            "series.xenial",
            "series.xenial.version",
            "series.xenial.archive",
            "series.xenial.toolchain",
            "source",
            "source.alpha",
            "source.alpha.version",
            "source.alpha.upstream",
            "source.alpha.upstream.path",
            "source.alpha.needs-upstream",
            "source.alpha.base",
            "source.alpha.control",
            "retired",
            "variant.plain",
            "matrix",
            "matrix.test",
            "matrix.test[2].control",
        ]
    ),
    value=st.recursive(
        st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "alpha", "1.0", "../x"]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["version", "alpha", "x y"]), inner, max_size=2)
        ),
        max_leaves=4,
    ),
)
def test_a_recipe_with_any_value_anywhere_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    root = tmp_path_factory.mktemp("recipe")
    content = recipes.data(TWO)
    put(key, to=value)(content)
    path = recipes.write(root, TWO, content)
    try:
        load(path)
    except RecipeError as error:
        assert str(error).startswith("backport.toml: ")
        assert error.advice or "is not" in error.what
