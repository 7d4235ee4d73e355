from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backport.errors import InputError
from backport.source import members as limits
from backport.source.members import members


def tar(*sizes: int, pax: int = 0) -> bytes:
    """A tar archive of files of these sizes, whose first one has an extended header."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"./a/{number}")
            info.size = size
            if pax and not number:
                info.pax_headers = {"comment": "x" * pax}
            archive.addfile(info, io.BytesIO(b"y" * size))
    return raw.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_the_members_of_an_archive_are_read_however_it_is_packed(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "archive"
    path.write_bytes(pack(tar(3, 0, 70_000)))
    expected = [("a/0", b"yyy"), ("a/1", b""), ("a/2", b"y" * 70_000)]
    assert [(member.name, member.content()) for member in members(path)] == expected
    assert [(member.name, member.content()) for member in members(path.read_bytes())] == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tar(*[0] * 6), "more than 5 members or 0 MiB"),
        (tar(900, 900, 9000), "more than 5 members or 0 MiB"),
        (tar(2000), "a/0 has more than 0 MiB"),
        (tar(1, pax=5000), "a header of it has more than 0 MiB"),
        (tar(1000)[:700], "it is damaged or ends early"),
        (gzip.compress(tar(1000))[:40], "it is damaged or ends early"),
        (lzma.compress(tar(1000))[:40], "it is damaged or ends early"),
        (b"no archive" * 100, "it is damaged or ends early"),
    ],
    ids=["members", "sum", "member", "header", "cut", "cut gzip", "cut xz", "no archive"],
)
def test_what_is_too_large_or_damaged_is_refused(
    monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.setattr(limits, "MOST_OF_ONE", 1024)
    with pytest.raises(ValueError, match=said):
        for member in members(content, number=5, total=8000):
            member.content()


def test_a_pipe_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError, match="no regular file"):
        next(members(tmp_path / "fifo"))
