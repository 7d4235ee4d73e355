"""What steps leave in their folders for other steps, and how that is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from backport.engine.step import StepId
from backport.engine.store import Store

DEPENDENCIES = "dependencies.json"
KEPT = "kept"
PROPOSED = "proposed"
"""The folder below the work folder with the steps of `verify --test`, on the same bases."""


def kept_chroot(store: Store, build: StepId) -> Path:
    """Where a run with --keep leaves the chroot of a build that does not pass."""
    return store.work / KEPT / str(build).removeprefix("build/").replace("/", "_")


def one_file(folder: Path, pattern: str) -> Path:
    """The one file of that pattern in a step's folder."""
    (file,) = folder.glob(pattern)
    return file


def built_debs(folders: Iterable[Path]) -> list[Path]:
    """The .deb files in the folders of build steps."""
    return sorted(path for folder in folders for path in folder.glob("*.deb"))
