"""The members of archives that others made, within limits (docs/security.md)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from backport.source.files import open_regular

MIB = 1 << 20
MOST_OF_ONE = 64 * MIB
"""The bytes that a member, or the header of one, may have where it is read."""
MOST_OF_ALL = 1024 * MIB
"""The bytes that all members may have together, unpacked."""
MOST_MEMBERS = 100_000
_PACKED = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
    (b"]\0\0", lzma.open),
)


@dataclass(frozen=True)
class Member:
    """A member of a tar archive; `name` is without a leading ``./``."""

    info: tarfile.TarInfo
    _archive: tarfile.TarFile

    @property
    def name(self) -> str:
        """Its path in the archive."""
        return self.info.name.removeprefix("./")

    def content(self) -> bytes:
        """What a regular file has; to be read before the next member.

        Raises:
            ValueError: it is too large, or damaged.
        """
        if self.info.size > MOST_OF_ONE:
            raise ValueError(f"{self.name[:200]} has more than {MOST_OF_ONE // MIB} MiB")
        with _whole():
            stream = self._archive.extractfile(self.info)
            return stream.read() if stream else b""


class _LimitedReader(io.RawIOBase):
    """A stream that gives neither more at once nor more in all than the limits.

    tarfile reads an extended header at once, whatever size it claims to have.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MOST_OF_ONE:
            raise ValueError(f"a header of it has more than {MOST_OF_ONE // MIB} MiB")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def members(
    archive: Path | bytes, *, number: int = MOST_MEMBERS, total: int = MOST_OF_ALL
) -> Iterator[Member]:
    """The members of a tar archive, packed by gzip, bzip2, xz or not at all.

    Parameters:
        archive: its file, or what is in it.
        number: how many it may have. total: how many bytes, unpacked.

    Raises:
        ValueError: it is damaged, or exceeds a limit. OSError: it cannot be read.
    """
    source: Any = io.BytesIO(archive) if isinstance(archive, bytes) else open_regular(archive)
    with source:
        first = source.read(6)
        source.seek(0)
        opener: Any = next((one for start, one in _PACKED if first.startswith(start)), None)
        unpacked = opener(source) if opener else source
        with _whole(), tarfile.open(fileobj=_LimitedReader(unpacked), mode="r:") as tar:
            for count, info in enumerate(tar):
                if count >= number or info.offset_data + info.size > total:
                    raise ValueError(f"it has more than {number} members or {total // MIB} MiB")
                yield Member(info, tar)


@contextmanager
def _whole() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError) as error:
        raise ValueError(f"it is damaged or ends early ({error})") from error
