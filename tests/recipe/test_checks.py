"""What has to hang together in a recipe: names that must exist, cycles, patches, packaging."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.errors import RecipeError
from backport.recipe.reader import load
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.wrong_recipes import TWO, put, refusal, refusal_of


def test_sources_that_need_each_other_are_refused_with_the_cycle(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, put("source.alpha.needs", to=["beta"])) in {
        f"backport.toml: source.{one}.needs: the sources need each other in a cycle: "
        f"{one} -> {other} -> {one}; take one of these out of needs"
        for one, other in (("alpha", "beta"), ("beta", "alpha"))
    }


@pytest.mark.parametrize("series_file", ["series", "series.yakkety"])
def test_a_patch_that_is_listed_and_missing_is_refused(tmp_path: Path, series_file: str) -> None:
    spec = Spec(sources=(SourceSpec("alpha", quilt={series_file: ("one.patch", "two.patch")}),))
    path = recipes.write(tmp_path, spec)
    (tmp_path / "patches" / "alpha" / "two.patch").unlink()
    assert refusal(path) == (
        f"backport.toml: source.alpha.patches: {series_file}, line 2: it lists two.patch, and "
        "there is no such file; add the patch or take its line out"
    )


def test_only_pin_reads_a_recipe_with_neither_packaging_nor_pinned_package(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, TWO)
    packaging = tmp_path / "patches" / "beta" / "debian"
    (packaging / "control").unlink()
    assert refusal(path) == (
        "backport.toml: source.beta.pinned: there is neither a pinned .dsc nor our own packaging; "
        f"pin one with: backport pin, or write {packaging}"
    )
    assert load(path, unpinned=True).source("beta").pinned is None
    content = recipes.data(TWO)
    put("update.ppa", to="x")(content)
    path.write_text(recipes.toml(content))
    with pytest.raises(RecipeError, match=r"update\.ppa"):
        load(path, unpinned=True)


NEITHER = "which is neither a series nor a variant of this recipe nor an upstream version"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beta/debian/changelog", "our own packaging brings changelog, which the toolkit writes"),
        ("beta/debian/tests", "our own packaging brings tests, which the toolkit writes"),
        ("alpha/series.zesty", f"series.zesty is for 'zesty', {NEITHER}"),
        ("alpha/series.Xenial", f"series.Xenial is for 'Xenial', {NEITHER}"),
        ("alpha/series.xenial.old", f"series.xenial.old is for 'xenial.old', {NEITHER}"),
        ("alpha/two.patch", "two.patch stands in no series file, so nothing applies it"),
        ("alpha/overlay.trusty", "'trusty' is no series of this recipe"),
    ],
)
def test_a_file_that_would_have_no_effect_is_refused(tmp_path: Path, name: str, said: str) -> None:
    path = recipes.write(tmp_path, TWO)
    (tmp_path / "patches" / name).touch()
    sentence = refusal(path)
    assert sentence.startswith(f"backport.toml: source.{name.partition('/')[0]}.patches")
    assert f": {said}; " in sentence


@pytest.mark.parametrize(
    "name", ["series.xenial", "series.1.0", "series.0.10.0", "series.plain", "series~"]
)
def test_a_quilt_series_may_be_for_a_series_a_variant_or_any_upstream_version(
    tmp_path: Path, name: str
) -> None:
    path = recipes.write(tmp_path, TWO)
    (tmp_path / "patches" / "alpha" / name).touch()
    assert load(path).sources[0].name == "alpha"


def test_a_variant_with_patches_of_its_own_needs_their_quilt_series(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    content["variant"]["naive"] = {"with-patches": ["alpha"], "purpose": "p"}
    path = recipes.write(tmp_path, TWO, content)
    wanted = tmp_path / "patches" / "alpha" / "series.naive"
    assert refusal(path) == (
        "backport.toml: variant.naive.with-patches: alpha has no quilt series for this variant; "
        f"write {wanted}"
    )
    wanted.touch()
    assert load(path).variant("naive").patched == ("alpha",)


def pin(version: str) -> dict[str, str]:
    return {
        "version": version,
        "dsc": f"alpha_{version}.dsc",
        "sha256": recipes.SHA256,
        "url": "https://example.org/",
    }


def test_a_series_without_a_pinned_package_of_its_own_has_the_common_one(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    content["source"]["alpha"]["pinned"] = pin("1.0-1") | {"yakkety": pin("2.0-1")}
    source = recipes.load(tmp_path, TWO, content).source("alpha")
    assert [source.in_series(name).debian_version for name in source.series] == ["1.0-1", "2.0-1"]


KEYS = """
update update.bug update.ppa update.as-of update.date series series.xenial series.xenial.version
series.xenial.archive series.xenial.toolchain source source.alpha source.alpha.version
source.alpha.upstream source.alpha.upstream.path source.alpha.needs-upstream source.alpha.pinned
source.alpha.control retired variant.plain matrix matrix.test matrix.test[2].control
"""


@given(
    key=st.sampled_from(KEYS.split()),
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
