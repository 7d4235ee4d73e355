from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from backport.testbed.matrix import depends, installed_for, wrap

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

    tree = wrap(tests, tmp_path / "tree")

    assert (tree / "debian" / "tests" / "control").read_text() == CONTROL
    assert (tree / "debian" / "tests" / "one").stat().st_mode & 0o111
    assert (tree / "debian" / "tests" / "lib" / "ca.py").is_file()
    assert (tree / "debian" / "control").read_text().startswith("Source: matrix\n")
    assert (tree / "debian" / "changelog").read_text().startswith("matrix (0) ")


def test_what_a_test_asks_for_is_that_of_its_paragraph(tests: Path) -> None:
    (tests / "control").write_text(f"{CONTROL}Depends: @, tiny,\n  more (>= 1) | less\n")

    assert depends((tests / "control").read_text()) == ("tiny", "@", "more (>= 1) | less")
    assert installed_for(tests, "two") == ["tiny"]
    assert installed_for(tests, "three") == ["tiny", "more (>= 1) | less"]


def test_the_tested_packages_are_those_of_the_source_package(tmp_path: Path) -> None:
    tree = tmp_path / "debian"
    (tree / "tests").mkdir(parents=True)
    (tree / "control").write_text("Source: tiny\n\nPackage: tiny\n\nPackage: tiny-doc\n")
    (tree / "tests" / "control").write_text(
        "Tests: one\n\nTests: two\nDepends: @, @builddeps@, more\n"
    )
    with tarfile.open(tmp_path / "tiny_1.0-1.debian.tar.gz", "w:gz") as packed:
        packed.add(tree, "debian")

    assert installed_for(tmp_path / "tiny_1.0-1.dsc", "one") == ["tiny", "tiny-doc"]
    assert installed_for(tmp_path / "tiny_1.0-1.dsc", "two") == ["tiny", "tiny-doc", "more"]
