"""What a .deb holds, read without unpacking it to the disk."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822

from backport import process
from backport.errors import InputError

_MAGIC = b"!<arch>\n"
# A file above this is no script, unit or module that anybody wrote.
_LARGEST = 2_000_000


@dataclass(frozen=True)
class Member:
    """One file of a package: `path` without the leading slash, `mode` its permissions."""

    path: str
    mode: int
    content: bytes


def members(deb: Path) -> tuple[str, ...]:
    """The names of a .deb's members, such as ``data.tar.xz`` (deb(5), ar(5)).

    Raises:
        InputError: it is no .deb.
    """
    found = []
    with deb.open("rb") as file:
        magic = file.read(8)
        while magic == _MAGIC and (header := file.read(60)):
            if len(header) < 60 or not header[48:58].strip().isdigit():
                raise InputError("this is no binary package: it is cut off", where=str(deb))
            found.append(header[:16].decode("ascii", "replace").strip().rstrip("/"))
            size = int(header[48:58])
            file.seek(size + size % 2, 1)
    if not found:
        raise InputError("this is no binary package: it is no archive of ar", where=str(deb))
    return tuple(found)


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
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "data.tar"
        done = process.run(["dpkg-deb", "--fsys-tarfile", deb], log=unpacked)
        try:
            if done.exit_code != 0:
                raise tarfile.TarError(f"dpkg-deb ends with exit code {done.exit_code}")
            with tarfile.open(unpacked) as tarball:
                for info in tarball:
                    if info.isfile() and info.size <= _LARGEST:
                        stream = tarball.extractfile(info)
                        assert stream is not None, "a regular file has a content"
                        path = info.name.removeprefix("./")
                        yield Member(path, info.mode & 0o7777, stream.read())
        except (tarfile.TarError, OSError, EOFError) as error:
            raise InputError(f"the package cannot be read: {error}", where=str(deb)) from error
