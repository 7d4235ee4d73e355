from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from backport.errors import InputError
from backport.recipe.model import Recipe
from tests.source.packages import NEW_VERSION, QUILT, SPEC, make_own, make_update, own_packaging
from tests.support.source_builder import (
    PackageSpec,
    build_dsc,
    make_recipe,
    numbered,
    patch_text,
    write_files,
)


def refused(root: Path, recipe: Recipe, orig: Path) -> str:
    """The error's text; nothing is left behind."""
    with pytest.raises(InputError) as caught:
        make_own(root, recipe, orig)
    assert list((root / "out").iterdir()) == []
    return str(caught.value)


def test_a_patch_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, files={"src/main.txt": numbered(50)[7:]})
    recipe, orig = own_packaging(tmp_path, spec, patches=QUILT)
    said = "lock.patch: it does not fit src/main.txt exactly: Hunk #1"
    assert refused(tmp_path, recipe, orig).startswith(said)


def test_our_own_packaging_of_another_format_is_refused(tmp_path: Path) -> None:
    recipe, orig = own_packaging(tmp_path)
    write_files(recipe.sources[0].patches / "debian", {"source/format": "3.0 (native)\n"})
    says = "the packaging's source format is 3.0 (native)"
    assert says in refused(tmp_path, recipe, orig)


THEIR_PATCH = PackageSpec(patches={"lock.patch": patch_text("README", "small\n", "large\n")})


@pytest.mark.parametrize(
    ("spec", "version", "says"),
    [
        (THEIR_PATCH, NEW_VERSION, r"there is a patch of the name lock\.patch already"),
        (SPEC, "2.0-1ubuntu0.16.04.1", r"the \.dsc is of upstream 1\.0, and 2\.0-1ubuntu"),
        (SPEC, "1.0-1~rc1", "is not higher than its newest"),
        (PackageSpec(name="large"), NEW_VERSION, "the pinned .dsc is of the source package large"),
    ],
)
def test_a_pinned_package_that_cannot_be_the_packages_is_refused(
    tmp_path: Path, spec: PackageSpec, version: str, says: str
) -> None:
    recipe = make_recipe(tmp_path, SPEC, patches=QUILT)
    with pytest.raises(InputError, match=says):
        make_update(tmp_path, recipe, build_dsc(spec, tmp_path / "archive"), version)


def test_a_pinned_package_of_a_format_that_we_do_not_know_is_refused(tmp_path: Path) -> None:
    dsc = build_dsc(SPEC, tmp_path / "archive")
    dsc.write_text(dsc.read_text().replace("3.0 (quilt)", "3.0 (git)"))
    with pytest.raises(InputError, match=r"its format is 3\.0 \(git\); take a version of one of"):
        make_update(tmp_path, make_recipe(tmp_path, SPEC), dsc)
