from __future__ import annotations

from pathlib import Path

import pytest

from backport.errors import InputError
from backport.testbed.matrix import control_of, wrap
from backport.testbed.matrix import test_names as names_of

CONTROL = "Tests: one, two\nDepends: tiny\n\nTests: three\nRestrictions: needs-root\n"


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    folder = tmp_path / "matrix"
    folder.mkdir()
    (folder / "control").write_text(CONTROL)
    (folder / "one").write_text("#!/bin/sh\n")
    (folder / "one").chmod(0o755)
    return folder


def test_a_folder_of_tests_becomes_a_source_tree(tests: Path, tmp_path: Path) -> None:
    (tests / "control").write_text(f"# lib: ca.py\n{CONTROL}")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "ca.py").write_text("")

    tree = wrap(tests, tmp_path / "tree", name="matrix")

    assert control_of(tree) == tree / "debian" / "tests" / "control"
    assert (tree / "debian" / "tests" / "one").stat().st_mode & 0o111
    assert (tree / "debian" / "tests" / "lib" / "ca.py").is_file()
    assert (tree / "debian" / "control").read_text().startswith("Source: matrix\n")
    assert (tree / "debian" / "changelog").read_text().startswith("matrix (0) ")


def test_every_test_of_the_control_file_is_named(tests: Path) -> None:
    assert names_of(tests / "control") == ("one", "two", "three")


def test_a_control_file_without_tests_is_refused(tests: Path) -> None:
    (tests / "control").write_text("Depends: tiny\n")

    with pytest.raises(InputError, match="names no test"):
        names_of(tests / "control")


def test_a_folder_of_tests_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: the folder of tests does not exist"):
        wrap(tmp_path / "absent", tmp_path / "tree")
