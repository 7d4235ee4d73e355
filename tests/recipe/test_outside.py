"""What a recipe names that stands elsewhere: series, sources of the archive, tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from backport.recipe.reader import load
from backport.source.files import sha256_of
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.source_builder import PackageSpec, build_dsc
from tests.support.wrong_recipes import TWO, put, refusal


def test_a_version_that_is_not_known_is_not_one_that_the_series_lacks(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    content["series"]["xenial"]["archive"] = {
        "alpha": {"note": "nobody has looked"},
        "beta": {"version": "", "note": "the name is younger"},
    }
    archive = recipes.load(tmp_path, TWO, content).one_series("xenial").archive
    assert {name: one.version for name, one in archive.items()} == {"beta": ""}


@pytest.mark.parametrize(
    ("key", "folder", "near"),
    [
        ("matrix.test[1].name", "alpha", "smoke"),
        ("matrix.test[2].name", "beta", "harm"),
        ("matrix.test[2].control.test", "matrix", "harm-control"),
    ],
)
def test_a_row_without_its_test_is_refused_with_the_missing_file(
    tmp_path: Path, key: str, folder: str, near: str
) -> None:
    there = tmp_path / "autopkgtest" / folder
    content = recipes.data(TWO)
    put(key, to=f"{near}s")(content)
    assert refusal(recipes.write(tmp_path, TWO, content)) == (
        f"backport.toml: {key}: there is no test '{near}s': {there / near}s is missing, or "
        f"{there / 'control'} does not name it; write {near}, or add it"
    )


def test_a_test_that_is_named_and_has_no_file_is_refused(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, TWO)
    smoke = tmp_path / "autopkgtest" / "alpha" / "smoke"
    smoke.unlink()
    assert refusal(path) == (
        f"backport.toml: matrix.test[1].name: {smoke.parent / 'control'} names the test 'smoke', "
        f"and there is no such file; write {smoke}"
    )


def test_a_test_of_another_folder_is_left_to_the_testbed(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, TWO)
    tests = tmp_path / "autopkgtest" / "alpha"
    (tests / "control").write_text("Tests: smoke\nTests-Directory: debian/more\n")
    (tests / "smoke").unlink()
    assert load(path).matrix[0].name == "smoke"


def local_dsc(root: Path, control: str) -> dict[str, str]:
    """A local .dsc whose packaging has that control file of tests; the pin for it."""
    dsc = build_dsc(PackageSpec("alpha", debian={"tests/control": control}), root / "pinned")
    path = str(dsc.relative_to(root))
    return {"version": "1.0-1", "dsc": dsc.name, "sha256": sha256_of(dsc), "path": path}


ROW = {"name": "upstream", "source": "alpha"}
PINNED = Spec(sources=(SourceSpec("alpha", pinned="1.0-1"),), matrix=(ROW,))


def test_a_test_of_a_pinned_package_at_hand_is_a_test(tmp_path: Path) -> None:
    content = recipes.data(PINNED)
    content["source"]["alpha"]["pinned"] = local_dsc(tmp_path, "Tests: upstream\n")
    path = recipes.write(tmp_path, PINNED, content)
    (tmp_path / "autopkgtest" / "alpha" / "control").write_text("Tests: smoke\n")
    assert load(path).matrix[0].name == "upstream"
    content["source"]["alpha"]["pinned"] = local_dsc(tmp_path, "Tests: upstreams\n")
    path.write_text(recipes.toml(content))
    assert refusal(path).endswith("write upstreams, or add it")
    # Evidence has the recipe without the .dsc.
    assert load(path, in_evidence=True).matrix[0].name == "upstream"


def test_a_pinned_package_that_is_still_to_be_fetched_may_have_any_test(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, PINNED)
    (tmp_path / "autopkgtest" / "alpha" / "control").unlink()
    assert load(path).matrix[0].name == "upstream"
