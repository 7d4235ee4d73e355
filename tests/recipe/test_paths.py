"""Where the paths of a recipe may lead, and the form of the names that become paths."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backport import cli
from backport.recipe import reader
from tests.support.recipes import SHA256, SourceSpec, Spec, data, write
from tests.support.wrong_recipes import Change, put, refusal

SPEC = Spec(
    sources=(SourceSpec("alpha", quilt={"series": ("a.patch",)}),),
    matrix=({"name": "smoke", "source": "alpha"},),
)


PATHS = (
    "update.stand-in",
    "source.alpha.patches",
    "source.alpha.tests",
    "matrix.tests",
    "matrix.library",
    "matrix.include",
)


def written(root: Path, *changes: Change) -> Path:
    content = data(SPEC)
    for change in changes:
        change(content)
    return write(root / "recipe", SPEC, content)


@pytest.mark.parametrize("value", ["../elsewhere", "/etc", "patches/../../x", "link/x"])
@pytest.mark.parametrize("key", PATHS)
def test_a_path_that_leads_out_of_the_recipes_folder_is_refused(
    tmp_path: Path, key: str, value: str
) -> None:
    path = written(tmp_path, put(key, value))
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
    assert "is no path; name a file without control" in refusal(written(tmp_path, put(key, value)))


def test_an_option_names_the_folder_that_a_path_may_lead_to(tmp_path: Path) -> None:
    path = written(tmp_path, put("source.alpha.patches", "../elsewhere"))
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


@pytest.mark.parametrize("link", ["patches", "patches/alpha"])
def test_a_folder_of_patches_that_is_itself_such_a_link_is_refused(
    tmp_path: Path, link: str
) -> None:
    path = written(tmp_path)
    place = path.parent / link
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert "patches/alpha: this link leads out of the recipe's folder: " in refusal(path)
    reader.load(path, outside=[tmp_path])


@pytest.mark.parametrize("name", ["../../../a.patch", "/etc/passwd", "x/../../b/a.patch"])
def test_a_patch_that_a_series_file_names_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path)
    (path.parent / "patches/alpha/series").write_text(f"a.patch\n{name}\n")
    assert f": series, line 2: the path {name} leaves its folder; " in refusal(path)


def test_what_has_a_pinned_sha256_may_lie_anywhere(tmp_path: Path) -> None:
    pin = {"path": "../alpha.tar.gz", "sha256": SHA256}
    path = written(tmp_path, put("source.alpha.upstream", pin))
    assert reader.load(path).source("alpha").upstream is not None
