"""Whether what a testbed sees of this machine is still what it was when the testbed was made.

A test runs with root's power (docs/security.md): it could write to what is mounted read-only. Every
write changes the time of a file's last change (inode(7), ctime), which nobody can set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backport.environments import apt_setup
from backport.errors import MachineError
from backport.source.files import sha256_of

_State = tuple[int, ...]


@dataclass(frozen=True)
class Seal:
    """The state of a folder: what `lstat` says of each file below it.

    Parameters:
        hashes: the sha256 of files that others may link to, which changes their time too.
    """

    folder: Path
    files: Mapping[str, _State]
    hashes: Mapping[str, str]

    def check(self) -> None:
        """Look whether it is as it was.

        Raises:
            MachineError: it is not; the message names a file.
        """
        now = _states(self.folder)
        different = {*self.files} ^ {*now}
        different |= {name for name, state in now.items() if self.files.get(name, state) != state}
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
    return Seal(folder, _states(folder), {})


def of_repository(folder: Path) -> Seal:
    """The seal of a flat apt repository."""
    hashes = {
        package["Filename"].removeprefix("./"): package["SHA256"]
        for package in apt_setup.packages(folder)
    }
    return Seal(folder, _states(folder), hashes)


def _states(folder: Path) -> dict[str, _State]:
    """The state of each file below a folder but in those that nobody else may read."""
    states: dict[str, _State] = {}
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = f"{top}/{name}"
            stat = os.lstat(path)
            states[os.path.relpath(path, folder)] = (
                stat.st_ino, stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size, stat.st_ctime_ns
            )  # fmt: skip
    return states
