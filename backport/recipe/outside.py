"""What a recipe names that stands elsewhere: Ubuntu's series, the archive's sources, test files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from backport.errors import RecipeError
from backport.recipe.keys import Fault
from backport.recipe.model import Recipe, Source
from backport.recipe.releases import releases
from backport.recipe.toml_table import Folders
from backport.source import dep8
from backport.source.dsc import debian_texts, read_dsc

# Launchpad's names of the pockets, as they stand behind a series' name.
_POCKETS = ("proposed", "updates", "security", "backports")


def series_faults(recipe: Recipe) -> Iterator[Fault]:
    """Every series has to be one of Ubuntu's, with its own number, in the order of release."""
    known = releases()
    numbers = {number: name for name, number in known.items()}
    for series in recipe.series:
        if wrong := _no_name(series.name, series.version, known, numbers):
            what, advice = wrong
            yield f"series.{series.name}", f"{series.name!r} {what}", f"write {advice}"
    # The proof reads the series in this order as the order of release upgrades.
    for earlier, later in pairwise(recipe.series):
        if earlier.version >= later.version:
            wrongs = (one for one in (later, earlier) if one.version != known[one.name])
            what = (
                f"{later.name} ({later.version}) stands behind {earlier.name} ({earlier.version})"
            )
            advice = next((f"{one.name} is {known[one.name]}" for one in wrongs), "")
            advice = advice or "put the tables of the series in the order of their versions"
            yield f"series.{later.name}", what, advice
    for series in recipe.series:
        if series.version != known[series.name]:
            near = f", or name {numbers[series.version]}" if series.version in numbers else ""
            what = f"{series.name} is {known[series.name]}, not {series.version}"
            yield f"series.{series.name}.version", what, f'write "{known[series.name]}"{near}'


def _no_name(
    name: str, version: str, known: Mapping[str, str], numbers: Mapping[str, str]
) -> tuple[str, str] | None:
    """Why a name is none of an Ubuntu series, and what to write; None where it is one."""
    series, _, pocket = name.rpartition("-")
    if pocket in _POCKETS:
        return "names a pocket", f"{series}: an update always goes to its pocket {series}-proposed"
    if name in numbers:
        return "is the number of a series", f"its name, {numbers[name]}"
    if name in known:
        return None
    right = _near(name, known) or numbers.get(version) or f"one of {', '.join([*known][-12:])}"
    what = "is no Ubuntu series that distro-info-data knows"
    return what, f"{right}, or install a newer distro-info-data"


def archive_faults(recipe: Recipe) -> Iterator[Fault]:
    """Every source of which a series' archive is told has to be one of this recipe's."""
    named = [source.name for source in recipe.sources] + [one.name for one in recipe.retired]
    names = list(dict.fromkeys([*named, *(one.package.name for one in recipe.test_sources)]))
    for series in recipe.series:
        for name in series.archive:
            if name not in names:
                advice = f"write {_near(name, names) or 'one of ' + ', '.join(names)}"
                where = f"series.{series.name}.archive.{name}"
                yield where, f"{name!r} is no source of this recipe", f"{advice}, or take it out"


def check_tests(recipe: Recipe) -> None:
    """Check that every row of the matrix has its test: in a folder here, or in the pinned package.

    A pinned package that is not at hand may have it; then nothing is said.

    Raises:
        RecipeError: a test is nowhere.
    """
    for row in recipe.matrix:
        where, matrix = row.where, row.folder.path
        source = recipe.built(row.source)
        if row.matrix:
            _require(row.name, matrix, (), f"{where}.name")
        elif (theirs := _of_pinned(source)) is not None:
            _require(row.name, source.tests, theirs, f"{where}.name")
        for control in row.controls:
            _require(control.test, matrix, (), f"{where}.control.test")


def check_links(recipe: Recipe, folders: Folders) -> None:
    """Check that no link beside a recipe leads out of the folders that its paths may lead to.

    Raises:
        RecipeError: one does, so that another file would come into a package or into evidence.
    """
    places = [one for source in recipe.sources for one in (source.patches, source.tests)]
    places += [one.package.patches for one in recipe.test_sources]
    places += [one for row in recipe.matrix_folders for one in (row.path, *row.library)]
    for place in dict.fromkeys(places):
        for path in (place, *place.rglob("*")):
            if (path == place or path.is_symlink()) and not folders.allow(path):
                raise RecipeError(
                    f"this link leads out of the recipe's folder: {path.resolve()}",
                    where=str(path),
                    advice="put the file itself there, or allow its folder with --outside",
                )


def _require(test: str, folder: Path, theirs: Iterable[str], where: str) -> None:
    control = folder / "control"
    ours: Mapping[str, str] = {}
    if control.is_file():
        ours = dep8.named_tests(control.read_text("utf-8", "surrogateescape"))
    known = [*ours, *theirs]
    if test not in known:
        near = _near(test, known)
        raise RecipeError(
            f"there is no test {test!r}: {folder / test} is missing, or {control} does not name it",
            where=where,
            advice=f"write {near}, or add it" if near else "add both, or take the row out",
        )
    if ours.get(test) == "" and not (folder / test).is_file():
        raise RecipeError(
            f"{control} names the test {test!r}, and there is no such file",
            where=where,
            advice=f"write {folder / test}",
        )


def _of_pinned(source: Source) -> list[str] | None:
    """The tests that the source's pinned packages have; None where one of them is not at hand."""
    tests: list[str] = []
    for pin in source.pins:
        dsc = Path(pin.path or "/nonexistent")
        names = [file.name for file in read_dsc(dsc).files] if dsc.is_file() else []
        if not any(".debian.tar." in name and (dsc.parent / name).is_file() for name in names):
            # A local one that is missing ends every command that builds: it is told here.
            return [] if pin.path and not dsc.is_file() else None
        tests += dep8.named_tests(debian_texts(dsc).get("tests/control", ""))
    return tests


def _near(name: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")
