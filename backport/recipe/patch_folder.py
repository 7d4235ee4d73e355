"""What the folder of a source's patches holds: quilt series files, and packaging for a base."""

from __future__ import annotations

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
    """The packaging that is laid over a base: each file by its path below debian/.

    ``overlay/`` in the source's folder of patches holds for every Ubuntu series, and
    ``overlay.SERIES/`` for that one; a file there wins. What editors and Python leave behind is
    left out.
    """
    found: dict[str, Path] = {}
    for folder in (source.patches / "overlay", source.patches / f"overlay.{series}"):
        for path in sorted(folder.rglob("*")):
            parts = [*path.relative_to(folder).parts]
            if not path.is_dir() and not LEFT_OUT("", parts):
                found["/".join(parts)] = path
    return found


def patch_names(quilt_series: Path | None) -> tuple[str, ...]:
    """The patches that a quilt series file lists, in order (quilt(1): ``#`` starts a comment)."""
    return tuple(words[0] for _, words in series_lines(quilt_series)) if quilt_series else ()


def series_lines(quilt_series: Path) -> Iterator[tuple[int, list[str]]]:
    """Each line of a quilt series file that names a patch: its number, the patch, its options."""
    text = quilt_series.read_bytes().decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), start=1):
        if words := line.partition("#")[0].split():
            yield number, words


def quilt_series_files(patches: Path) -> Iterator[Path]:
    """Every quilt series file in a folder of patches: ``series`` and ``series.NAME``."""
    for path in sorted(patches.glob("series*")):
        if path.is_file() and (path.name == "series" or path.name.startswith("series.")):
            yield path
