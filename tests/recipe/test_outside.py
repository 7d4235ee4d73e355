"""What a recipe names that stands elsewhere: series, sources of the archive, tests."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from backport.recipe.outside import dep8_tests
from backport.recipe.reader import load
from backport.source.files import sha256_of
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.wrong_recipes import TWO, put, refusal, refusal_of

ONE = Spec(sources=(SourceSpec("alpha", series=("xenial",)),), series=("xenial",))


def renamed(name: str, version: str = "16.04") -> Any:
    """A change of the recipe ONE: its series has another name and version."""

    def change(content: dict[str, Any]) -> None:
        content["series"] = {name: {"version": version}}
        content["source"]["alpha"]["series"] = [name]

    return change


# ------------------------------------------------------------------ series


@pytest.mark.parametrize(
    ("name", "version", "what", "advice"),
    [
        ("xenail", "16.04", "is no Ubuntu series", "write xenial, or"),
        ("lucky", "25.04", "is no Ubuntu series", "write plucky, or"),
        ("sid", "16.04", "is no Ubuntu series", "write xenial, or"),
        ("xenial-proposed", "16.04", "names a pocket", "write xenial: "),
        ("xenial-updates", "16.04", "names a pocket", "write xenial: "),
        ("16.04", "16.04", "is the number of a series", "write its name, xenial"),
        ("bionic", "16.04", "bionic is 18.04, not 16.04", 'write "18.04", or name xenial'),
        ("xenial", "16.05", "xenial is 16.04, not 16.05", 'write "16.04"'),
    ],
)
def test_a_series_that_there_is_not_is_refused_with_the_right_word(
    tmp_path: Path, name: str, version: str, what: str, advice: str
) -> None:
    said = refusal_of(tmp_path, renamed(name, version), ONE)
    assert said.startswith(f"backport.toml: series.{name}")
    assert what in said
    assert advice in said.partition("; ")[2]


def test_of_two_series_with_one_number_the_wrong_one_gets_its_own(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, put("series.yakkety.version", to="16.04")) == (
        "backport.toml: series.yakkety: yakkety (16.04) stands behind xenial (16.04); "
        "yakkety is 16.10"
    )


# ------------------------------------------------------------------ the archive's sources


@pytest.mark.parametrize(
    ("name", "advice"), [("alhpa", "write alpha"), ("python3-x", "write one of alpha, beta, old")]
)
def test_what_the_archive_has_of_a_source_that_nobody_names_is_refused(
    tmp_path: Path, name: str, advice: str
) -> None:
    assert refusal_of(tmp_path, put(f"series.xenial.archive.{name}", to={"version": "1"})) == (
        f"backport.toml: series.xenial.archive.{name}: {name!r} is no source of this recipe; "
        f"{advice}, or take it out"
    )


def test_a_version_that_is_not_known_is_not_one_that_the_series_lacks(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    content["series"]["xenial"]["archive"] = {
        "alpha": {"note": "nobody has looked"},
        "beta": {"version": "", "note": "the name is younger"},
    }
    archive = recipes.load_data(tmp_path, TWO, content).one_series("xenial").archive
    assert {name: one.version for name, one in archive.items()} == {"beta": ""}


# ------------------------------------------------------------------ tests of the matrix


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
    assert refusal_of(tmp_path, put(key, to=f"{near}s")) == (
        f"backport.toml: {key}: there is no test '{near}s': {there / near}s is missing, or "
        f"{there / 'control'} does not name it; write {near}, or add it"
    )


def test_a_test_of_the_matrix_is_looked_for_there_alone(tmp_path: Path) -> None:
    assert "autopkgtest/matrix/smoke is missing" in refusal_of(
        tmp_path, put("matrix.test[1].matrix", to=True)
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


def test_a_command_has_the_name_that_autopkgtest_gives_it() -> None:
    control = (
        "Tests: a, b\nTests-Directory: t\n\nTest-Command: true\n\n"
        "Test-Command: x\nFeatures: test-name=named, other\n\nTest-Command: false\n"
    )
    assert dep8_tests(control) == {
        "a": "t",
        "b": "t",
        "command1": ".",
        "named": ".",
        "command2": ".",
    }


def local_base(root: Path, control: str) -> dict[str, str]:
    """A local .dsc whose packaging has that control file of tests; the pin for it."""
    packed = root / "alpha_1.0-1.debian.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        info = tarfile.TarInfo("debian/tests/control")
        info.size = len(control)
        tar.addfile(info, io.BytesIO(control.encode()))
    size, sha256 = packed.stat().st_size, sha256_of(packed)
    dsc = root / "alpha_1.0-1.dsc"
    dsc.write_text(
        "Format: 3.0 (quilt)\nSource: alpha\nVersion: 1.0-1\n"
        f"Checksums-Sha256:\n {sha256} {size} {packed.name}\n"
        f"Files:\n {'0' * 32} {size} {packed.name}\n"
    )
    return {"version": "1.0-1", "dsc": dsc.name, "sha256": sha256_of(dsc), "path": dsc.name}


BASED = Spec(
    sources=(SourceSpec("alpha", base="1.0-1"),), matrix=({"name": "upstream", "source": "alpha"},)
)


def test_a_test_of_a_base_at_hand_is_a_test(tmp_path: Path) -> None:
    content = recipes.data(BASED)
    content["source"]["alpha"]["base"] = local_base(tmp_path, "Tests: upstream\n")
    path = recipes.write(tmp_path, BASED, content)
    (tmp_path / "autopkgtest" / "alpha" / "control").write_text("Tests: smoke\n")
    assert load(path).matrix[0].name == "upstream"
    content["source"]["alpha"]["base"] = local_base(tmp_path, "Tests: upstreams\n")
    path.write_text(recipes.toml(content))
    assert refusal(path).endswith("write upstreams, or add it")
    # Evidence has the recipe without its base.
    assert load(path, alone=True).matrix[0].name == "upstream"


def test_a_base_that_is_still_to_be_fetched_may_have_any_test(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, BASED)
    (tmp_path / "autopkgtest" / "alpha" / "control").unlink()
    assert load(path).matrix[0].name == "upstream"
