"""A folder of tests alone, made into the source tree that autopkgtest wants (DEP-8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backport.errors import InputError, reading
from backport.source.dep8 import copy_tests
from backport.source.files import set_plain_modes
from backport.source.text import control_paragraphs, read_text

_CONTROL = """\
Source: {name}
Section: misc
Priority: optional
Maintainer: nobody <nobody@localhost>
Standards-Version: 3.9.8

Package: {name}
Architecture: all
Description: holds tests, is never built
"""
_CHANGELOG = """\
{name} (0) UNRELEASED; urgency=low

  * Made for one run of the tests.

 -- nobody <nobody@localhost>  Thu, 01 Jan 1970 00:00:00 +0000
"""


def control_of(tests: Path) -> Path | None:
    """The control file of a folder of tests, or of a source tree with debian/tests; else None."""
    for control in (tests / "debian" / "tests" / "control", tests / "control"):
        if control.is_file():
            return control
    return None


def test_names(control: Path) -> tuple[str, ...]:
    """The names of the tests in a control file of DEP-8.

    Raises:
        InputError: the file cannot be read, or names no test.
    """
    names: list[str] = []
    with reading(control, what="the tests' control file cannot be read"):
        for paragraph in control_paragraphs(read_text(control)):
            names.extend(paragraph.get("Tests", "").replace(",", " ").split())
    if not names:
        raise InputError("the control file names no test", where=str(control))
    return tuple(names)


def wrap(
    tests: Path,
    tree: Path,
    *,
    library: Sequence[Path] = (),
    beside: Path | None = None,
    name: str = "matrix",
) -> Path:
    """Make a source tree around a folder of tests.

    Parameters:
        tests: the folder, with ``control`` and the tests.
        tree: the folder to make.
        library: where the files of its library are, as `dep8.copy_tests` has it.
        beside: another folder of tests, which goes along under its own name if it is there.

    Returns `tree`.

    Raises:
        InputError: the folder is missing, or names a file of the library that is not there.
    """
    if not tests.is_dir():
        raise InputError("the folder of tests does not exist", where=str(tests))
    inside = tree / "debian" / "tests"
    copy_tests(tests, inside, library)
    if beside is not None and beside.is_dir():
        copy_tests(beside, inside / beside.name)
    (tree / "debian" / "control").write_text(_CONTROL.format(name=name))
    (tree / "debian" / "changelog").write_text(_CHANGELOG.format(name=name))
    set_plain_modes(tree)
    return tree
