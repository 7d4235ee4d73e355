"""Where the paths of a recipe may lead, and the form of the names that become paths."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backport import cli
from backport.errors import RecipeError
from backport.recipe import reader
from tests.support.recipes import SHA256, SourceSpec, Spec, data, write
from tests.support.wrong_recipes import refusal

SPEC = Spec(
    sources=(SourceSpec("alpha", quilt={"series": ("a.patch",)}),),
    matrix=({"name": "smoke", "source": "alpha"},),
)


def with_path(key: str, value: str) -> Callable[[dict[str, Any]], None]:
    """Change the value of a key, which is named by its table."""

    def change(content: dict[str, Any]) -> None:
        *tables, last = key.split(".")
        for table in tables:
            content = content.setdefault(table, {})
        content[last] = value if last not in ("library", "include") else [value]

    return change


PATHS = (
    "update.stand-in",
    "source.alpha.patches",
    "source.alpha.tests",
    "matrix.tests",
    "matrix.library",
    "matrix.include",
)


def written(root: Path, *changes: Callable[[dict[str, Any]], None]) -> Path:
    content = data(SPEC)
    for change in changes:
        change(content)
    return write(root / "recipe", SPEC, content)


@pytest.mark.parametrize("value", ["../elsewhere", "/etc", "patches/../../x", "link/x"])
@pytest.mark.parametrize("key", PATHS)
def test_a_path_that_leads_out_of_the_recipes_folder_is_refused(
    tmp_path: Path, key: str, value: str
) -> None:
    path = written(tmp_path, with_path(key, value))
    (path.parent / "link").symlink_to(tmp_path)
    said = refusal(path)
    assert said.startswith(f"backport.toml: {key}")
    assert said.endswith(
        f"{value!r} leads out of the recipe's folder; put it below that folder, or allow its own "
        "with --outside"
    )


@pytest.mark.parametrize("key", PATHS)
@pytest.mark.parametrize("value", ["a\0b", "a\x1b[2Jb", "a" * 300, "a/" * 600])
def test_what_is_no_path_is_refused(tmp_path: Path, key: str, value: str) -> None:
    assert "is no path; name a file without control" in refusal(
        written(tmp_path, with_path(key, value))
    )


def test_an_option_names_the_folder_that_a_path_may_lead_to(tmp_path: Path) -> None:
    path = written(tmp_path, with_path("source.alpha.patches", "../elsewhere"))
    shutil.move(path.parent / "patches/alpha", tmp_path / "elsewhere")
    words = ["plan", "--recipe", str(path), "--offline", "--quiet"]
    assert cli.main(words) == 3
    assert cli.main([*words, "--outside", str(tmp_path / "elsewhere")]) == 0
    assert cli.main([*words, "--outside", str(tmp_path / "other")]) == 3


def test_a_link_out_of_a_folder_of_patches_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "secret").write_text("s3cret\n")
    patch = path.parent / "patches/alpha/a.patch"
    patch.unlink()
    patch.symlink_to(tmp_path / "secret")
    assert refusal(path).startswith(f"{patch}: this link leads out of the recipe's folder: ")
    reader.load(path, outside=[tmp_path])


@pytest.mark.parametrize("name", ["../../../a.patch", "/etc/passwd", "x/../../b/a.patch"])
def test_a_patch_that_a_series_file_names_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path)
    (path.parent / "patches/alpha/series").write_text(f"a.patch\n{name}\n")
    assert f"series lists {name}, which leads out of " in refusal(path)


def test_what_has_a_pinned_sha256_may_lie_anywhere_but_a_folder_has_none(tmp_path: Path) -> None:
    pinned = with_path("source.alpha.upstream", "")

    def upstream(content: dict[str, Any]) -> None:
        pinned(content)
        content["source"]["alpha"]["upstream"] = {"path": "../alpha.tar.gz", "sha256": SHA256}

    path = written(tmp_path, upstream)
    assert reader.load(path).source("alpha").upstream is not None
    (tmp_path / "alpha.tar.gz").mkdir()
    with pytest.raises(RecipeError, match="leads out of the recipe's folder"):
        reader.load(path)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\x1bb", ".a", "-a", "a b", "é", "a" * 101])
def test_the_name_of_an_update_has_a_form(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, with_path("update.name", name))
    assert refusal(path) == (
        f"backport.toml: update.name: {name!r} is no name of an update; use letters, digits and "
        "+ - . _, at most 100 and none of the signs first"
    )


def test_a_name_that_makes_too_long_a_folder_is_refused(tmp_path: Path) -> None:
    name = "a" * 101
    spec = Spec(sources=(SourceSpec(name),))
    assert "is no source package name" in refusal(write(tmp_path, spec))


def test_a_recipe_in_evidence_leads_nowhere_else(tmp_path: Path) -> None:
    path = written(tmp_path, with_path("source.alpha.patches", "/etc"))
    with pytest.raises(RecipeError, match="leads out of the recipe's folder"):
        reader.load(path, alone=True)
