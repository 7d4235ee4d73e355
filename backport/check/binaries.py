"""What a .deb holds, read without unpacking it to the disk."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from debian.arfile import ArError, ArFile
from debian.deb822 import Deb822
from debian.debfile import DebFile

from backport import process
from backport.errors import InputError

# A file above this is no script, unit or module that anybody wrote.
_LARGEST = 2_000_000


@dataclass(frozen=True)
class Member:
    """One file of a package: `path` without the leading slash, `mode` its permissions."""

    path: str
    mode: int
    content: bytes


def members(deb: Path) -> tuple[str, ...]:
    """The names of a .deb's members, such as ``data.tar.xz`` (deb(5)).

    Raises:
        InputError: it is no .deb.
    """
    try:
        return tuple(name.rstrip("/") for name in ArFile(str(deb)).getnames())
    except (ArError, OSError, UnicodeDecodeError) as error:
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
    try:
        with DebFile(str(deb)).data.tgz() as tarball:
            for info in tarball:
                if info.isfile() and info.size <= _LARGEST:
                    stream = tarball.extractfile(info)
                    assert stream is not None, "a regular file has a content"
                    path = info.name.removeprefix("./")
                    yield Member(path, info.mode & 0o7777, stream.read())
    except (tarfile.TarError, ArError, OSError, EOFError) as error:
        raise InputError(f"the package cannot be read: {error}", where=str(deb)) from error
