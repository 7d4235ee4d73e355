"""Whether what a testbed sees of this machine is still what it was when the testbed was made.

A test runs with root's power (docs/security.md): it could write to what is mounted read-only. Every
write changes the time of a file's last change (inode(7), ctime), which nobody can set.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backport.environments import apt_setup
from backport.errors import MachineError
from backport.source.files import sha256_of


@dataclass(frozen=True)
class Seal:
    """The state of a folder: a hash of what `lstat` says of each file below it.

    Parameters:
        names: of the files, each with a NUL behind it: a root has thousands of them.
        states: their hashes, in the same order.
        hashes: the sha256 of files that others may link to, which changes their time too.
    """

    folder: Path
    names: str
    states: Sequence[int]
    hashes: Mapping[str, str]

    def check(self) -> None:
        """Look whether it is as it was.

        Raises:
            MachineError: it is not; the message names a file.
        """
        now = _states(self.folder)
        before = dict(zip(self.names.split("\0"), self.states, strict=False))
        different = {*before} ^ {*now}
        different |= {name for name, state in now.items() if before.get(name, state) != state}
        for name in sorted(different):
            known = self.hashes.get(name)
            if known is None or name not in now or sha256_of(self.folder / name) != known:
                raise MachineError(
                    f"{name} was changed while a test ran, which may have written to this machine",
                    where=str(self.folder),
                    advice="read what the test does, remove this folder, and run it again",
                )


def of_root(folder: Path) -> Seal:
    """The seal of a testbed's root directory."""
    return _seal(folder, {})


def of_repository(folder: Path) -> Seal:
    """The seal of a flat apt repository."""
    hashes = {
        package["Filename"].removeprefix("./"): package["SHA256"]
        for package in apt_setup.packages(folder)
    }
    return _seal(folder, hashes)


def _seal(folder: Path, hashes: Mapping[str, str]) -> Seal:
    states = _states(folder)
    names = "".join(f"{name}\0" for name in states)
    return Seal(folder, names, array("q", states.values()), hashes)


def _states(folder: Path) -> dict[str, int]:
    return {entry.path[len(f"{folder}/") :]: _state(entry) for entry in _below(folder)}


def _below(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except (PermissionError, FileNotFoundError):  # root's own, or gone
        return
    for entry in entries:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)


def _state(entry: os.DirEntry[str]) -> int:
    stat = entry.stat(follow_symlinks=False)
    return hash(
        (stat.st_ino, stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size, stat.st_ctime_ns)
    )
