"""What ships in debian/tests of each source, and what does not."""

from __future__ import annotations

import ast
import re
import stat
import sys
from pathlib import Path

import pytest
from debian.deb822 import Deb822

from backport.check.python_code import uses
from backport.source.dep8 import add_tests, copy_tests
from tests.autopkgtest.support import AUTOPKGTEST, LIBRARY, MATRIX_LIBRARY, ROOT

SOURCES = (
    "python-filelock",
    "python-acme",
    "python-certbot",
    "python-certbot-apache",
    "python-certbot-nginx",
)
# What the archive of each series has, or these sources build.
ARCHIVE = {
    "certbot",
    "cron",
    "faketime",
    "python-acme",
    "python-certbot",
    "python-certbot-apache",
    "python-certbot-nginx",
    "python-cryptography",
    "python-filelock",
    "python-mock",
    "python-openssl",
    "python-six",
    "python2.7",
    "python3",
    "python3-acme",
    "unattended-upgrades",
}
# The fields and restrictions that autopkgtest knows; it skips a test with another one.
FIELDS = {"Tests", "Depends", "Restrictions"}
RESTRICTIONS = {"breaks-testbed", "isolation-container", "needs-root"}
MOST_LINES = 900


def control_of(tests: Path) -> list[Deb822]:
    text = (tests / "control").read_text()
    return list(Deb822.iter_paragraphs(text, use_apt_pkg=False))


def words(paragraph: Deb822, name: str) -> list[str]:
    return re.split(r"[\s,]+", paragraph.get(name, "").strip()) if name in paragraph else []


def beside() -> set[str]:
    """What the recipe's test sources build: only tests that are never uploaded can have it."""
    return {
        paragraph["Package"]
        for path in (ROOT / "patches" / "test-sources").glob("*/debian/control")
        for paragraph in Deb822.iter_paragraphs(path.read_text(), use_apt_pkg=False)
        if "Package" in paragraph
    }


def test_the_sources_and_the_matrix_are_all_there_is() -> None:
    folders = {path.name for path in AUTOPKGTEST.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {*SOURCES, "matrix", "lib"}


@pytest.mark.parametrize("folder", [*SOURCES, "matrix"])
def test_every_named_test_is_there_can_be_run_and_uses_known_fields(folder: str) -> None:
    can_be_run(AUTOPKGTEST / folder, ARCHIVE | (beside() if folder == "matrix" else set()))


def can_be_run(tests: Path, packages: set[str]) -> None:
    """Check a folder of tests, which may depend on these packages."""
    for paragraph in control_of(tests):
        assert set(paragraph) <= FIELDS
        assert set(words(paragraph, "Depends")) <= packages
        assert set(words(paragraph, "Restrictions")) <= RESTRICTIONS
        for name in words(paragraph, "Tests"):
            path = tests / name
            assert path.stat().st_mode & stat.S_IXUSR, f"{path} cannot be run"
            assert path.read_text().split("\n", 1)[0] in ("#!/bin/sh", "#!/usr/bin/python2.7")


@pytest.mark.parametrize("folder", [*SOURCES, "matrix"])
def test_every_file_belongs_to_a_named_test(folder: str) -> None:
    own = {MATRIX_LIBRARY.name} if folder == "matrix" else set()
    assert not_named(AUTOPKGTEST / folder) == own


def not_named(tests: Path) -> set[str]:
    """What is in a folder of tests beside those that its control names."""
    named = {name for paragraph in control_of(tests) for name in words(paragraph, "Tests")}
    files = {path.name for path in tests.iterdir()}
    assert named <= files
    return files - {"__pycache__", "control"} - named


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_a_smoke_test(source: str) -> None:
    assert "smoke" in [
        name for paragraph in control_of(AUTOPKGTEST / source) for name in words(paragraph, "Tests")
    ]


@pytest.mark.parametrize("folder", [*SOURCES, "matrix"])
def test_the_control_names_the_files_of_the_library_that_are_imported(
    folder: str, tmp_path: Path
) -> None:
    copy_tests(AUTOPKGTEST / folder, tmp_path)
    shipped = {path.name for path in (tmp_path / "lib").glob("*")}
    assert shipped == imported(AUTOPKGTEST / folder) & {path.name for path in LIBRARY.glob("*.py")}


def imported(tests: Path) -> set[str]:
    """The files of modules that a folder of tests imports."""
    texts = [
        path.read_text()
        for path in tests.rglob("*")
        if path.is_file() and path.suffix in ("", ".py")
    ]
    return {
        f"{name}.py"
        for text in texts
        for name in re.findall(r"^\s*(?:import|from) (\w+)", text, re.M)
    }


def test_all_that_is_uploaded_as_tests_is_short_enough_to_be_read(tmp_path: Path) -> None:
    for source in SOURCES:
        (tmp_path / source).mkdir()
        add_tests(AUTOPKGTEST / source, tmp_path / source)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(len(path.read_text().splitlines()) for path in files) <= MOST_LINES


FOLDERS = (AUTOPKGTEST, ROOT / "study" / "autopkgtest")


def python_files() -> list[Path]:
    scripts = [path for folder in FOLDERS for path in folder.rglob("*") if path.is_file()]
    return [
        path
        for path in scripts
        if path.suffix == ".py" or b"python2.7" in path.read_bytes().split(b"\n", 1)[0]
    ]


def python_3_only(source: str) -> list[str]:
    """The syntax that Python 2.7 cannot read."""
    return [use.what for use in uses(source) if use.kind == "syntax" and not use.python2]


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.name)
def test_what_runs_in_the_testbed_is_python_2_too(path: Path) -> None:
    assert python_3_only(path.read_text()) == []
    assert path.read_text().isascii()


def test_python_3_alone_is_found() -> None:
    for source in ("f'{1}'", "def a() -> int: pass", "x: int = 1", "raise A from b", "(a := 1)"):
        assert python_3_only(source), source


# What the packages in the testbeds bring beside Python 2.7 and its own modules.
THEIRS = {
    "OpenSSL",
    "__builtin__",
    "acme",
    "augeas",
    "certbot",
    "cryptography",
    "pkg_resources",
    "requests",
    "six",
    "zope",
}


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.name)
def test_every_module_that_is_imported_is_there(path: Path) -> None:
    own = {file.stem for file in python_files()}
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported - own - THEIRS <= sys.stdlib_module_names


def test_no_module_is_longer_than_five_hundred_lines() -> None:
    assert all(len(path.read_text().splitlines()) <= 500 for path in python_files())


def test_the_library_is_nothing_but_modules() -> None:
    for library in (LIBRARY, MATRIX_LIBRARY):
        files = {path.suffix for path in library.iterdir() if path.name != "__pycache__"}
        assert files == {".py"}


def test_what_the_matrix_alone_uses_is_not_shipped() -> None:
    own = {path.name for path in MATRIX_LIBRARY.glob("*.py")}
    assert not own & {path.name for path in LIBRARY.glob("*.py")}
    for folder in (LIBRARY, *(AUTOPKGTEST / source for source in SOURCES)):
        assert not own & imported(folder), folder
