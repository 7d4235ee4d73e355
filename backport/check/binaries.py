"""What a .deb holds, read without unpacking it to the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from debian.arfile import ArError, ArFile
from debian.deb822 import Deb822

from backport.engine import process
from backport.errors import InputError, reading
from backport.source.members import Member as TarMember
from backport.source.members import members as tar_members

# A file above this is no script, unit or module that anybody wrote.
_LARGEST = 2_000_000
_MOST_PATHS = 1_000_000


@dataclass(frozen=True)
class Member:
    """One file of a package: `path` without the leading slash, `mode` its permissions."""

    path: str
    mode: int
    content: bytes


@dataclass(frozen=True)
class Binary:
    """All that the checks read of a .deb.

    `members` are those of the archive; `scripts` the files beside the control file, such as
    ``postinst``, by name; `paths` say of each path, without the leading slash, whether it is a
    folder; `files` are the regular files that are small enough to be text.
    """

    deb: Path
    control: Deb822
    members: tuple[str, ...]
    scripts: Mapping[str, str]
    paths: Mapping[str, bool]
    files: tuple[Member, ...]

    @property
    def name(self) -> str:
        """The binary package's name."""
        return str(self.control["Package"])


def read(deb: Path) -> Binary:
    """Read a .deb.

    Raises:
        InputError: it cannot be read.
    """
    return Binary(deb, control(deb), members(deb), scripts(deb), paths(deb), tuple(files(deb)))


def members(deb: Path) -> tuple[str, ...]:
    """The names of a .deb's members, such as ``data.tar.xz`` (deb(5), ar(5)).

    Raises:
        InputError: it is no .deb.
    """
    try:
        return tuple(ArFile(deb).getnames())
    except (ArError, OSError, ValueError) as error:
        raise InputError(f"this is no binary package: {error}", where=str(deb)) from error


def control(deb: Path) -> Deb822:
    """The package's control paragraph.

    Raises:
        InputError: it is no .deb.
    """
    done = process.run(["dpkg-deb", "--field", deb])
    if done.exit_code != 0:
        raise InputError(f"this is no binary package: {done.tail(1)}", where=str(deb))
    return Deb822(done.output)


def files(deb: Path) -> Iterator[Member]:
    """The regular files of a package that are small enough to be text, in its order.

    Raises:
        InputError: it cannot be read.
    """
    return _texts(deb, "--fsys-tarfile")


def scripts(deb: Path) -> dict[str, str]:
    """The files beside a package's control file, such as its maintainer scripts, by name.

    Raises:
        InputError: it cannot be read.
    """
    found = {one.path: one.content for one in _texts(deb, "--ctrl-tarfile")}
    found.pop("control", None)
    return {name: text.decode("utf-8", "replace") for name, text in found.items()}


def paths(deb: Path) -> Mapping[str, bool]:
    """The paths of a package, without the leading slash, and whether each is a folder.

    A process reads the same file once: many checks ask for the packages of the base.

    Raises:
        InputError: it cannot be read.
    """
    state = deb.stat()
    key = (state.st_dev, state.st_ino, state.st_mtime_ns)
    if key not in _PATHS:
        entries = _entries(deb, "--fsys-tarfile")
        _PATHS[key] = {entry.name: entry.info.isdir() for entry in entries}
    return _PATHS[key]


_PATHS: dict[tuple[int, int, int], Mapping[str, bool]] = {}


def _texts(deb: Path, part: str) -> Iterator[Member]:
    for entry in _entries(deb, part):
        if entry.info.isfile() and entry.info.size <= _LARGEST:
            yield Member(entry.name, entry.info.mode & 0o7777, entry.content())


def _entries(deb: Path, part: str) -> Iterator[TarMember]:
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "part.tar"
        done = process.run(["dpkg-deb", part, deb], log=unpacked)
        with reading(deb, what="the package cannot be read"):
            if done.exit_code != 0:
                raise ValueError(f"dpkg-deb ends with exit code {done.exit_code}")
            yield from tar_members(unpacked, number=_MOST_PATHS, total=unpacked.stat().st_size)
