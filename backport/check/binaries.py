"""What a .deb holds, read without unpacking it to the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from debian.arfile import ArError, ArFile
from debian.deb822 import Deb822

from backport.engine import process
from backport.errors import InputError, reading
from backport.source.members import Member
from backport.source.members import members as tar_members

# A file above this is no script, unit or module that anybody wrote.
_LARGEST = 2_000_000
_MOST_PATHS = 1_000_000


@dataclass(frozen=True)
class PackagedFile:
    """One file of a package: `path` without the leading slash, `mode` its permissions."""

    path: str
    mode: int
    content: bytes


class Binary:
    """A .deb; each part is read when it is asked for, and then kept.

    Raises:
        InputError: it is no .deb; so does each part that cannot be read.
    """

    def __init__(self, deb: Path) -> None:
        self.deb = deb
        done = process.run(["dpkg-deb", "--field", deb])
        with reading(deb, what="this is no binary package"):
            if done.exit_code != 0:
                raise ValueError(done.tail(1))
            self.control = Deb822(done.output)
            self.name, self.version = (str(self.control[key]) for key in ("Package", "Version"))

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The names of the archive's members, such as ``data.tar.xz`` (deb(5), ar(5))."""
        try:
            return tuple(ArFile(self.deb).getnames())
        except (ArError, OSError, ValueError) as error:
            raise InputError(f"this is no binary package: {error}", where=str(self.deb)) from error

    @cached_property
    def scripts(self) -> Mapping[str, str]:
        """The files beside the control file, such as ``postinst``, by name."""
        texts = {one.path: one.content for one in self._texts("--ctrl-tarfile")}
        texts.pop("control", None)
        return {name: text.decode("utf-8", "replace") for name, text in texts.items()}

    @cached_property
    def paths(self) -> Mapping[str, bool]:
        """The paths, without the leading slash, and whether each is a folder."""
        return {entry.name: entry.info.isdir() for entry in self._entries("--fsys-tarfile")}

    @cached_property
    def files(self) -> tuple[PackagedFile, ...]:
        """The regular files that are small enough to be text."""
        return tuple(self._texts("--fsys-tarfile"))

    def _texts(self, part: str) -> Iterator[PackagedFile]:
        for entry in self._entries(part):
            if entry.info.isfile() and entry.info.size <= _LARGEST:
                yield PackagedFile(entry.name, entry.info.mode & 0o7777, entry.content())

    def _entries(self, part: str) -> Iterator[Member]:
        with tempfile.TemporaryDirectory() as folder:
            unpacked = Path(folder) / "part.tar"
            done = process.run(["dpkg-deb", part, self.deb], log=unpacked)
            with reading(self.deb, what="the package cannot be read"):
                if done.exit_code != 0:
                    raise ValueError(f"dpkg-deb ends with exit code {done.exit_code}")
                yield from tar_members(unpacked, number=_MOST_PATHS, total=unpacked.stat().st_size)
