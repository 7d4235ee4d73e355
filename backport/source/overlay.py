"""Packaging files that the recipe lays over the pinned package's debian/, or over our own.

``patches/SOURCE/overlay/`` holds files under the names that they get in debian/, and
``overlay.SERIES/`` those that only one Ubuntu series gets; a file there wins. A file that takes
the place of another has to be named in the recipe (``[[source.NAME.packaging]]``), so that no
change of the pinned package is overwritten unseen. The file ``control.binary`` is none of debian/:
it holds paragraphs of binary packages, which are added at the end of debian/control. In a file
NEWS the words ``{VERSION}``, ``{SERIES}``, ``{MAINTAINER}`` and ``{DATE}`` stand for the package's.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from backport.errors import InputError
from backport.recipe.model import PackagingEdit, Source
from backport.recipe.patch_folder import overlay_files
from backport.source import control
from backport.source.text import read_text, write_text

BINARY = "control.binary"
"""The overlay's file of binary packages that debian/control gets in addition."""

_WORD = re.compile(r"\{([A-Z]+)\}")
# Each has a writer of its own, which would undo what an overlay puts there.
_TAKEN = {
    "changelog": "put its items into the recipe's changes",
    "control": f"write control edits into the recipe, or new packages into {BINARY}",
    "control.in": f"write control edits into the recipe, or new packages into {BINARY}",
    "patches": "put patches beside the overlay, and name them in the quilt series",
    "tests": "put tests into the source's folder of tests",
}


def lay_over(
    source: Source, series: str, debian: Path, words: Mapping[str, str]
) -> tuple[str, ...]:
    """Put the overlay of a source into `debian`, and take out what the recipe takes out.

    Parameters:
        series: the Ubuntu series that the package is for.
        debian: the folder debian/ of the unpacked package.
        words: what ``{NAME}`` stands for in a file NEWS, by name.

    Returns a note for the reviewer on every file of the package that changed.

    Raises:
        InputError: a file would replace another and the recipe does not say so, the package lacks
            what the recipe replaces, removes or requires, or a file cannot be used.
    """
    files = overlay_files(source, series)
    edits = [edit for edit in source.packaging if not edit.series or series in edit.series]
    where = f"packaging of {source.name} for {series}"
    for edit in edits:
        for what, advice in _faults(edit, files, debian):
            raise InputError(what, where=where, advice=advice)
    replaced = {edit.file: edit.reason for edit in edits if edit.replaces}
    removed = {edit.file: edit.reason for edit in edits if edit.removes}
    for name in removed:
        (debian / name).unlink()
    notes = [f"debian/{name} was removed: {reason}" for name, reason in removed.items()]
    for name, path in files.items():
        if name == BINARY:
            continue
        _put(name, path, debian, name in replaced, where)
        if name.rpartition("/")[2].rpartition(".")[2] == "NEWS":
            _fill(debian / name, path, words)
        if name in replaced:
            notes.append(f"debian/{name} was replaced: {replaced[name]}")
    if BINARY in files:
        notes.append(_add_packages(files[BINARY], debian))
    return tuple(notes)


def _faults(edit: PackagingEdit, files: Iterable[str], debian: Path) -> Iterator[tuple[str, str]]:
    """Why an edit does not fit the package and the overlay, each with an advice."""
    name = f"debian/{edit.file}"
    path = debian / edit.file
    if not path.is_file() or path.is_symlink():
        advice = "look at its debian/, and mend the recipe's packaging edits"
        yield f"the package has no file {name}", advice
    if edit.replaces and edit.file not in files:
        what = f"the recipe replaces {name}, and the overlay has no such file"
        yield what, "add the file, or take the edit out"
    if edit.removes and edit.file in files:
        advice = 'write "replaces = true" to put the overlay\'s in its place'
        yield f"the recipe removes {name}, and the overlay brings it", advice
    text = _squeezed(path.read_text(encoding="utf-8", errors="replace"))
    for wanted in edit.requires:
        if _squeezed(wanted) not in text:
            what = f"{name} does not say {wanted!r}, which the overlay relies on "
            advice = "compare it with the overlay, and mend the one or the other"
            yield f"{what}({edit.reason})", advice


def _squeezed(text: str) -> str:
    """The text with every run of blanks, line ends and continued lines as one blank."""
    return " ".join(text.replace("\\\n", " ").split())


def _put(name: str, path: Path, debian: Path, replaced: bool, where: str) -> None:
    first = PurePosixPath(name).parts[0]
    if first in _TAKEN:
        raise InputError(
            f"the overlay brings debian/{first}, which the toolkit writes",
            where=str(path),
            advice=_TAKEN[first],
        )
    if path.is_symlink() or not path.is_file():
        raise InputError("this is no plain file", where=str(path), advice="replace it by one")
    target = debian / name
    if (target.exists() or target.is_symlink()) and not replaced:
        raise InputError(
            f"there is a debian/{name}, and the recipe does not say that it is replaced",
            where=where,
            advice=f'add [[source.NAME.packaging]] with file = "{name}", replaces = true and a '
            "reason, or rename the overlay's file",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    # The mode says whether a file is run: it goes along.
    shutil.copy(path, target)


def _fill(target: Path, path: Path, words: Mapping[str, str]) -> None:
    def value(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise InputError(
                f"{match[0]} stands for nothing",
                where=str(path),
                advice=f"write one of {', '.join(f'{{{name}}}' for name in words)}",
            )
        return words[match[1]]

    write_text(target, _WORD.sub(value, read_text(path)))


def _add_packages(path: Path, debian: Path) -> str:
    """Add the paragraphs of binary packages to debian/control, and to control.in if there is one.

    Returns the note about it.
    """
    text = read_text(path).strip("\n") + "\n"
    packages = _packages(text, str(path))
    if not packages or "" in packages:
        raise InputError(
            "these are not the paragraphs of binary packages",
            where=str(path),
            advice="let each begin with the field Package",
        )
    for name in ("control", "control.in"):
        listing = debian / name
        if not listing.is_file():
            continue
        there = read_text(listing)
        for package in _packages(there, f"debian/{name} of the package"):
            if package and package in packages:
                raise InputError(
                    f"the binary package {package} is there already",
                    where=str(path),
                    advice="take its paragraph out, or edit the one that is there in the recipe",
                )
        write_text(listing, there.rstrip("\n") + "\n\n" + text)
    return f"debian/control has in addition: {', '.join(packages)}"


def _packages(text: str, where: str) -> list[str]:
    paragraphs = control.parse(text, where)
    return [str(paragraph.get("Package", "")).strip() for paragraph in paragraphs]
