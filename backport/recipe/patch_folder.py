"""What the folder of a source's patches holds: quilt series files, and packaging to lay over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from backport.recipe.model import Source, Variant
from backport.source.files import LEFT_OUT


def quilt_series_file(source: Source, series: str, variant: Variant | None = None) -> Path | None:
    """The quilt series file that holds for `series`, or None where there are no patches.

    The first of these files that is there counts, alone: ``series.SERIES`` for that Ubuntu
    series, ``series.VERSION`` for that upstream version (such as ``series.0.10.0``, where a patch
    has to be another one), and ``series`` for all else. A variant has ``series.VARIANT.VERSION``,
    or ``series.VARIANT`` where it has patches of its own, or none.
    """
    version = source.in_series(series).version
    if variant is not None and source.name in variant.sources:
        own = source.patches / f"series.{variant.name}.{version}"
        patched = source.name in variant.patched
        common = source.patches / f"series.{variant.name}" if patched else None
        return own if own.is_file() else common
    for name in (f"series.{series}", f"series.{version}", "series"):
        candidate = source.patches / name
        if candidate.is_file():
            return candidate
    return None


def overlay_files(source: Source, series: str) -> dict[str, Path]:
    """The packaging that is laid over debian/: each file by its path below debian/.

    ``overlay/`` in the source's folder of patches holds for every Ubuntu series, and
    ``overlay.SERIES/`` for that one; a file there wins. What editors and Python leave behind is
    left out.
    """
    files: dict[str, Path] = {}
    for folder in (source.patches / "overlay", source.patches / f"overlay.{series}"):
        for path in sorted(folder.rglob("*")):
            parts = [*path.relative_to(folder).parts]
            if not path.is_dir() and not LEFT_OUT("", parts):
                files["/".join(parts)] = path
    return files


def patch_names(quilt_series: Path | None) -> tuple[str, ...]:
    """The patches that a quilt series file lists, in order (quilt(1): ``#`` starts a comment)."""
    return tuple(words[0] for _, words in series_lines(quilt_series)) if quilt_series else ()


def series_lines(quilt_series: Path) -> Iterator[tuple[int, list[str]]]:
    """Each line of a quilt series file that names a patch: its number, the patch, its options."""
    text = quilt_series.read_bytes().decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), start=1):
        if words := line.partition("#")[0].split():
            yield number, words


def series_faults(quilt_series: Path) -> Iterator[tuple[str, str, str]]:
    """What is wrong in a quilt series file: the place, the sentence and the advice.

    Each line names a patch below the file's folder, with no option but ``-p1``.
    """
    for number, (patch, *options) in series_lines(quilt_series):
        place = f"{quilt_series.name}, line {number}"
        if any(option != "-p1" for option in options):
            what = f"{patch} has the options {' '.join(options)}"
            yield place, what, "make the patch with -p1; dpkg-source knows nothing else"
        for what, advice in path_faults(patch):
            yield place, what, advice
        if not (quilt_series.parent / patch).is_file():
            what = f"it lists {patch}, and there is no such file"
            yield place, what, "add the patch or take its line out"


def path_faults(path: str) -> Iterator[tuple[str, str]]:
    """Why a relative path may not be used, each with an advice."""
    parts = path.split("/")
    if "\0" in path or any(len(os.fsencode(part)) > 255 for part in parts):
        yield f"{path[:60]!r} is no path", "name a file"
    if path.startswith("/") or ".." in parts:
        yield f"the path {path} leaves its folder", "name a file below it"


def quilt_series_files(patches: Path) -> Iterator[Path]:
    """Every quilt series file in a folder of patches: ``series`` and ``series.NAME``."""
    for path in sorted(patches.glob("series*")):
        if path.is_file() and (path.name == "series" or path.name.startswith("series.")):
            yield path
