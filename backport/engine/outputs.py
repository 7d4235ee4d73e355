"""What steps leave in their folders for other steps, and how that is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from backport.engine.store import Store

DEPENDENCIES = "dependencies.json"


def kept_chroot(store: Store, series: str, source: str) -> Path:
    """Where a run with --keep leaves the chroot of a build that does not pass."""
    return store.work / "kept" / f"{series}_{source}"


def one_file(folder: Path, pattern: str) -> Path:
    """The one file of that pattern in a step's folder."""
    (file,) = folder.glob(pattern)
    return file


def built_debs(folders: Iterable[Path]) -> list[Path]:
    """The .deb files in the folders of build steps."""
    return sorted(path for folder in folders for path in folder.glob("*.deb"))
