"""The evidence as one file: a tar archive, compressed by zstd, the same bytes every time."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

from backport.engine.process import require
from backport.errors import InputError, MachineError

SUFFIX = ".tar.zst"
# Evidence is made on one machine and read on others: what is unpacked there has bounds.
_MOST_FILES = 200_000
_MOST_BYTES = 8 << 30


def pack(folder: Path, target: Path, name: str) -> Path:
    """Pack a folder under the name `name`: sorted, without owners, modes and times of its own.

    Raises:
        MachineError: zstd is not there, or the disk is full.
    """
    zstd = require("zstd", "zstd")
    command = [zstd, "-q", "-6", "--single-thread", "--check", "-f", "-o", str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stderr is not None
        broken = False
        try:
            with tarfile.open(fileobj=child.stdin, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                    info = tarfile.TarInfo(f"{name}/{path.relative_to(folder)}")
                    info.size = path.stat().st_size
                    info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                    with path.open("rb") as file:
                        tar.addfile(info, file)
            child.stdin.close()
        except BrokenPipeError:
            broken = True
        said = child.stderr.read().decode("utf-8", "replace").strip()
        if child.wait() != 0 or broken:
            target.unlink(missing_ok=True)
            raise MachineError(
                f"zstd cannot write the evidence: {said}", where=str(target), advice="make room"
            )
    return target


def unpack(source: Path, out: Path) -> Path:
    """Unpack evidence below `out`; returns its folder.

    Raises:
        InputError: it is no such archive, it is damaged (the message names the file where that
            was met), or it would write outside of `out`.
        MachineError: zstd is not there.
    """
    zstd = require("zstd", "zstd")
    last, number, size = "the beginning", 0, 0
    names: set[str] = set()
    command = [zstd, "-q", "-d", "-c", "--", str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        fault = ""
        try:
            with tarfile.open(fileobj=child.stdout, mode="r|") as tar:
                for member in tar:
                    last = member.name
                    number, size = number + 1, size + member.size
                    path = Path(member.name)
                    if not member.isfile() or path.is_absolute() or ".." in path.parts:
                        raise _damaged(source, f"{member.name} is no plain file inside of it")
                    if number > _MOST_FILES or size > _MOST_BYTES:
                        raise _damaged(source, "it is larger than any evidence")
                    names.add(path.parts[0])
                    _write(
                        out / path, tar.extractfile(member), 0o755 if member.mode & 0o100 else 0o644
                    )
            while child.stdout.read(1 << 20):
                pass  # the end of the stream, so that zstd compares its checksum
        except (tarfile.TarError, EOFError, OSError) as error:
            fault = str(error)
        finally:
            child.stdout.close()
        said = child.stderr.read().decode("utf-8", "replace").strip()
        if child.wait() != 0 or fault:
            raise _damaged(source, f"it is damaged or cut off at {last} ({said or fault})")
    if len(names) != 1:
        raise _damaged(source, "it does not have one folder at its top")
    return out / names.pop()


def _write(path: Path, content: object, mode: int) -> None:
    assert isinstance(content, io.BufferedIOBase)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        while block := content.read(1 << 20):
            file.write(block)


def _damaged(source: Path, what: str) -> InputError:
    return InputError(
        f"this is no usable evidence: {what}", where=str(source), advice="get the evidence anew"
    )
