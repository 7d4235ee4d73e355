"""Evidence as one file from a stranger: within bounds, and only as `pack` writes it."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport.errors import InputError, MachineError
from backport.sru import archive

LONG = "a" * 150


def packed(folder: Path, content: bytes) -> tuple[Path, Path]:
    """The archive with that content, and a new folder to unpack it in."""
    target, out = folder / "evidence.tar.zst", folder / "out"
    out.mkdir(parents=True)
    subprocess.run(["zstd", "-q", "-f", "-o", target], input=content, check=True)
    return target, out


def member(name: str, content: bytes = b"", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def tar(members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as file:
        for info, content in members:
            file.addfile(info, io.BytesIO(content))
    return out.getvalue()


def refusal(folder: Path, content: bytes) -> str:
    source, out = packed(folder, content)
    with pytest.raises(InputError) as caught:
        archive.unpack(source, out)
    assert caught.value.where == str(source)
    return caught.value.what


def test_what_is_packed_comes_back_with_long_names_and_modes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    files = {"a": b"", f"{LONG}/{LONG}/é": b"x" * 1500, "b/run": b"#!/bin/sh\n"}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "b/run").chmod(0o755)
    source = archive.pack(folder, tmp_path / "e.tar.zst", "evidence")
    out = archive.unpack(source, tmp_path / "out")
    assert out == tmp_path / "out/evidence"
    unpacked = {str(one.relative_to(out)): one for one in out.rglob("*") if one.is_file()}
    assert {name: path.read_bytes() for name, path in unpacked.items()} == files
    assert [name for name, path in unpacked.items() if os.access(path, os.X_OK)] == ["b/run"]


NAMES = ("../x", "e/../x", "/x", ".", "e/./x", "e//x", "e/a\x1bb", "e/a\nb", f"e/{'a' * 256}",
         "e/" + "a/" * 600, "e/\u202e")  # fmt: skip
KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE,
         tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {"comment": "x" * 5000}, {"comment": "x"}, {"GNU.sparse.major": "1"}, {"size": "-5"},
    {"path": "e/x", "uid": "1"},
)  # fmt: skip
HUGE = member("././@PaxHeader", type=tarfile.XHDTYPE)[0]
HUGE.size = (8 << 30) - 1


@pytest.mark.parametrize(
    ("message", "content"),
    [
        *(("is no plain file inside of it", tar([member(name, b"x")])) for name in NAMES),
        *(("is no plain file inside of it",
           tar([member("e/a", type=kind, linkname="/etc/passwd")], tarfile.GNU_FORMAT))
          for kind in KINDS),
        *(("extended header", tar([member("e/a", b"x", pax_headers=more)])) for more in HEADERS),
        # zstd packs a body of 8 GiB into few bytes; it is not read.
        ("an extended header of 8589934591 bytes", HUGE.tobuf(tarfile.USTAR_FORMAT)),
        ("something stands behind its end", tar([member("e/a", b"x")]) + bytes(1 << 20)),
        ("twice", tar([member("e/a"), member("e/a")])),
        ("twice", tar([member("e/a"), member("e/a/b")])),
        ("one folder at its top", tar([member("e/a"), member("f/a")])),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
def test_what_pack_does_not_write_is_refused(tmp_path: Path, message: str, content: bytes) -> None:
    assert message in refusal(tmp_path, content)
    assert not (tmp_path / "x").exists()


def test_more_files_or_bytes_than_evidence_has_are_refused_before_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 0)
    assert "larger than any evidence" in refusal(tmp_path / "files", tar([member("e/a")]))
    monkeypatch.undo()
    info, _ = member("e/a")
    info.size = archive.MOST_BYTES + 1
    content = info.tobuf(tarfile.PAX_FORMAT) + bytes(1 << 20)
    assert "larger than any evidence" in refusal(tmp_path / "bytes", content)
    assert not [*tmp_path.glob("*/out/*")]


def test_a_full_disk_is_not_blamed_on_the_evidence(tmp_path: Path) -> None:
    source, out = packed(tmp_path, tar([member("e/a", b"x" * 5000)]))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(MachineError, match="cannot be unpacked: File too large"):
            archive.unpack(source, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@given(place=st.integers(0, 4 * 512), new=st.binary(min_size=1, max_size=12))
@settings(max_examples=60)
def test_no_damage_of_the_tar_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, place: int, new: bytes
) -> None:
    content = tar([member(f"e/{LONG}", b"x"), member("e/b", b"y" * 600)])
    damaged = content[:place] + new + content[place + len(new) :]
    source, out = packed(tmp_path_factory.mktemp("tar"), damaged)
    try:
        archive.unpack(source, out)
    except InputError as error:
        assert error.where == str(source)
