"""Put a recipe's tests into debian/tests (DEP-8), beside the tests that are there.

The folder of tests holds ``control`` and all that the tests need. Lines such as ``# lib: one.py
two.py`` in that control name what they use of the folder ``lib`` beside theirs, which several
sources share: these files go along, as ``lib/one.py``. The lines themselves are not shipped.
"""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from backport.errors import InputError
from backport.source import control
from backport.source.files import LEFT_OUT
from backport.source.text import control_paragraphs, read_text, write_text

if TYPE_CHECKING:
    from debian._deb822_repro import Deb822ParagraphElement

_LIBRARY = re.compile(r"^# lib:(.*)\n", re.MULTILINE)
# A file's name without a folder.
_NAME = re.compile(r"(?!\.)[!-.0-~]{1,200}")
# Where our tests go if the pinned package has some: no file of ours can then clash with one.
_OWN_FOLDER = "backport"
_TESTS = PurePosixPath("debian/tests")


def add_tests(tests: Path, debian: Path) -> None:
    """Copy the folder `tests`, where it is there, into ``debian/tests``.

    Where the pinned package has tests, its files stay as they are, ours go to a folder of their
    own (``Tests-Directory``, with one of ours below it) with their ``lib``, and our paragraphs
    are appended to its control.

    Raises:
        InputError: there is no control file in `tests`, it cannot be read, names a test or a
            file of the library that is not there, or a test that the pinned package has too, or
            a link leaves `tests`.
    """
    if not tests.is_dir():
        return
    listing = tests / "control"
    if not listing.is_file():
        raise InputError(
            "this folder of tests has no control file", where=str(tests), advice="write it (DEP-8)"
        )
    _check_links(tests)
    text = read_text(listing)
    names = _tests(text, str(listing))
    for name, folder in names.items():
        if not _NAME.fullmatch(name) or (
            folder is not None and not (tests / folder / name).is_file()
        ):
            raise InputError(
                f"it names the test {name[:200]}, which is not there",
                where=str(listing),
                advice="add its file or take the name out",
            )
    theirs = debian / "tests" / "control"
    if not theirs.is_file():
        copy_tests(tests, debian / "tests")
        return
    their_text = read_text(theirs)
    taken = _tests(their_text, "the pinned package's debian/tests/control")
    if same := [name for name in names if name in taken]:
        raise InputError(
            f"the pinned package has a test of the name {same[0]}",
            where=str(listing),
            advice="give ours another name",
        )
    own = debian / "tests" / _OWN_FOLDER
    if own.exists():
        what = f"the pinned package has a debian/tests/{_OWN_FOLDER} of its own"
        raise InputError(what, where=str(tests), advice="pin a .dsc without the toolkit's tests")
    copy_tests(tests, own)
    text = read_text(own / "control")
    (own / "control").unlink()
    write_text(theirs, f"{their_text.rstrip()}\n\n{_moved(text)}")


@functools.cache  # rows of the matrix share a file
def named_tests(control: str) -> Mapping[str, str]:
    """The tests that a control file names, each with its Tests-Directory ("" for none).

    A Test-Command has no file; without a name autopkgtest numbers it.
    """
    tests: dict[str, str] = {}
    commands = 0
    for paragraph in control_paragraphs(control):
        names = paragraph.get("Tests", "").replace(",", " ").split()
        tests |= dict.fromkeys(names, paragraph.get("Tests-Directory", ""))
        if "Test-Command" in paragraph:
            given = re.search(r"\btest-name=([^\s,]+)", paragraph.get("Features", ""))
            commands += not given
            tests[given[1] if given else f"command{commands}"] = "."
    return tests


def copy_tests(tests: Path, to: Path, library: Sequence[Path] = ()) -> None:
    """Copy a folder of tests, and below ``lib`` what it names of the library.

    Parameters:
        library: the folders that it may name files of; without any, ``lib`` beside `tests`.

    Raises:
        InputError: it names a file that is not in the library.
    """
    listing = tests / "control"
    text = read_text(listing)
    folders = library or (tests.parent / "lib",)
    shutil.copytree(tests, to, ignore=LEFT_OUT, dirs_exist_ok=True)
    for name in " ".join(_LIBRARY.findall(text)).split():
        known = folders if _NAME.fullmatch(name) else ()
        files = [folder / name for folder in known if (folder / name).is_file()]
        if not files:
            raise InputError(
                f"it names {name} as a file of the tests' library, and "
                f"{' and '.join(map(str, folders))} has none",
                where=str(listing),
                advice="add it there, or take the name out of the line # lib:",
            )
        (to / "lib").mkdir(exist_ok=True)
        shutil.copy2(files[0], to / "lib" / name)
    write_text(to / "control", _LIBRARY.sub("", text))


def _tests(text: str, where: str) -> dict[str, str | None]:
    """The tests that a control file names, each with its folder below debian/tests.

    None stands for a Tests-Directory elsewhere: such a test is one of upstream's files.
    """
    return {
        name: _folder(paragraph)
        for paragraph in control.parse(text, where)
        for name in str(paragraph.get("Tests", "")).replace(",", " ").split()
    }


def _folder(paragraph: Deb822ParagraphElement) -> str | None:
    path = PurePosixPath(str(paragraph.get("Tests-Directory", _TESTS)))
    return str(path.relative_to(_TESTS)) if path.is_relative_to(_TESTS) else None


def _moved(text: str) -> str:
    parsed = control.parse(text.rstrip() + "\n", "the tests' control file")
    for paragraph in parsed:
        if "Tests" in paragraph and (folder := _folder(paragraph)) is not None:
            paragraph["Tests-Directory"] = str(_TESTS / _OWN_FOLDER / folder)
            paragraph.order_after("Tests-Directory", "Tests")
    return parsed.dump()


def _check_links(tests: Path) -> None:
    for path in tests.rglob("*"):
        inside = path.resolve().is_relative_to(tests.resolve())
        if path.is_symlink() and not (inside and path.exists()):
            raise InputError(
                f"this link leaves the folder of tests, or leads nowhere: {path.readlink()}",
                where=str(path),
                advice="replace it by the file; what tests share goes into lib beside them",
            )
