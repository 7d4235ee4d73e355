"""Tests as DEP-8 has them: what they ask for, and a source tree around a folder of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backport.source import dsc
from backport.source.dep8 import copy_tests
from backport.source.files import set_plain_modes
from backport.source.text import control_paragraphs, read_text

_CONTROL = """\
Source: matrix
Section: misc
Priority: optional
Maintainer: nobody <nobody@localhost>
Standards-Version: 3.9.8

Package: matrix
Architecture: all
Description: holds tests, is never built
"""
_CHANGELOG = """\
matrix (0) UNRELEASED; urgency=low

  * Made for one run of the tests.

 -- nobody <nobody@localhost>  Thu, 01 Jan 1970 00:00:00 +0000
"""


def depends(control: str, only: Sequence[str] = ()) -> tuple[str, ...]:
    """The relations in the Depends of a control file of DEP-8, each once; ``@`` stays as it is.

    Parameters:
        only: names of tests; without any, all of them.
    """
    relations: list[str] = []
    for paragraph in control_paragraphs(control):
        names = paragraph.get("Tests", "").replace(",", " ").split()
        if not only or {*only} & {*names}:
            relations += [part.strip() for part in paragraph.get("Depends", "@").split(",")]
    return tuple(dict.fromkeys(part for part in relations if part))


def installed_for(tests: Path, name: str) -> list[str]:
    """The relations that autopkgtest meets before it starts a test.

    Parameters:
        tests: a .dsc, or a folder of tests as `wrap` has it.

    What it installs for restrictions and for ``@builddeps@`` comes to them.
    """
    if tests.is_dir():
        return [part for part in depends(read_text(tests / "control"), [name]) if part[0] != "@"]
    texts = dsc.debian_texts(tests)
    relations: list[str] = []
    for part in depends(texts["tests/control"], [name]):
        if part == "@":
            binaries = control_paragraphs(texts["control"])[1:]
            relations += [binary["Package"] for binary in binaries]
        elif part[0] != "@":
            relations.append(part)
    return relations


def wrap(
    tests: Path, tree: Path, *, library: Sequence[Path] = (), beside: Path | None = None
) -> Path:
    """Make a source tree around a folder of tests.

    Parameters:
        tests: the folder, with ``control`` and the tests.
        tree: the folder to make.
        library: where the files of its library are, as `dep8.copy_tests` has it.
        beside: another folder of tests, which goes along under its own name if it is there.

    Returns `tree`.

    Raises:
        InputError: it names a file of the library that is not there.
    """
    inside = tree / "debian" / "tests"
    copy_tests(tests, inside, library)
    if beside is not None and beside.is_dir():
        copy_tests(beside, inside / beside.name)
    (tree / "debian" / "control").write_text(_CONTROL)
    (tree / "debian" / "changelog").write_text(_CHANGELOG)
    set_plain_modes(tree)
    return tree
