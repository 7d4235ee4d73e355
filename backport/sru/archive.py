"""The evidence as one file: a tar archive, compressed by zstd, the same bytes every time.

Evidence is made on one machine and read on others, so only what `pack` writes is read back: plain
files, each with at most one extended header that holds its path, within stated bounds.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from backport.errors import InputError, MachineError
from backport.sru.manifest import is_inside
from backport.system_packages import require

SUFFIX = ".tar.zst"
MOST_FILES = 20_000
MOST_BYTES = 4 << 30
_LONGEST_HEADER = 2048  # bytes: a path has at most 1,000 characters
_BLOCK = 512


def pack(folder: Path, target: Path, name: str) -> Path:
    """Pack a folder under the name `name`: sorted, without owners, modes and times of its own.

    Raises:
        InputError: it is larger than `unpack` takes.
        MachineError: zstd is not there, or the disk is full.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise InputError(
            f"{len(files):,} files of {size >> 20:,} MiB are more than evidence may have "
            f"({MOST_FILES:,} files, {MOST_BYTES >> 20:,} MiB); no evidence is made",
            where=name,
            advice="let the tests leave fewer artifacts, or run fewer series at once",
        )
    zstd = require("zstd")
    command = [zstd, "-q", "-6", "--single-thread", "--check", "-f", "-o", str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stderr is not None
        broken = False
        try:
            with tarfile.open(fileobj=child.stdin, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for path in files:
                    info = tarfile.TarInfo(f"{name}/{path.relative_to(folder)}")
                    info.size = path.stat().st_size
                    info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                    with path.open("rb") as file:
                        tar.addfile(info, file)
            child.stdin.close()
        except BrokenPipeError:
            broken = True
        message = child.stderr.read().decode("utf-8", "replace").strip()
        if child.wait() != 0 or broken:
            target.unlink(missing_ok=True)
            raise MachineError(
                f"zstd cannot write the evidence: {message}", where=str(target), advice="make room"
            )
    return target


def unpack(source: Path, out: Path) -> Path:
    """Unpack evidence below `out`; returns its folder.

    Raises:
        InputError: it is no such archive, it is damaged (the message names the file where that
            was met), it would write outside of `out`, or it is larger than evidence may be.
        MachineError: zstd is not there, or the system refuses to write.
    """
    command = [require("zstd"), "-q", "-d", "-c", "--", str(source)]
    place, fault, tops = "the beginning", "", set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        try:
            for path, info in _members(child.stdout):
                place = path
                tops.add(path.partition("/")[0])
                _write(out / path, child.stdout, info)
            whole = True
        except EOFError:
            whole = False
        except ValueError as error:
            fault = str(error)
        except OSError as error:
            raise MachineError(
                f"the evidence cannot be unpacked: {error.strerror}",
                where=str(out),
                advice="make room",
            ) from error
        finally:
            child.stdout.close()
        message = child.stderr.read().decode("utf-8", "replace").strip()
        if not fault and (child.wait() != 0 or not whole):
            fault = f"it is damaged or cut off at {place} ({message or 'it ends early'})"
    if not fault and len(tops) != 1:
        fault = "it does not have one folder at its top"
    if fault:
        raise InputError(
            f"this is no usable evidence: {fault}",
            where=str(source),
            advice="get the evidence anew",
        )
    return out / tops.pop()


def _members(stream: IO[bytes]) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """The path and header of each file; its content has to be read before the next."""
    number = size = 0
    while any(block := _take(stream, _BLOCK)):
        info = _header(block)
        path = info.name
        if info.type == tarfile.XHDTYPE:
            if not 0 <= info.size <= _LONGEST_HEADER:
                raise ValueError(f"it has an extended header of {info.size} bytes")
            path = _path_in(_take(stream, info.size))
            _take(stream, -info.size % _BLOCK)
            info = _header(_take(stream, _BLOCK))
        if info.type != tarfile.REGTYPE or info.size < 0 or not is_inside(path):
            raise ValueError(f"{path[:200]} is no plain file inside of it")
        number, size = number + 1, size + info.size
        if number > MOST_FILES or size > MOST_BYTES:
            raise ValueError("it is larger than any evidence")
        yield path, info
    # The end of the stream, so that zstd compares its checksum.
    rest = stream.read(tarfile.RECORDSIZE + 1)
    if len(rest) > tarfile.RECORDSIZE or any(rest):
        raise ValueError("something stands behind its end")


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError as error:
        raise ValueError("a part of it is no header of tar") from error


def _path_in(header: bytes) -> str:
    """The path in an extended header (pax(1)) that holds nothing else."""
    match = re.fullmatch(rb"([0-9]+) path=(.*)\n", header, re.DOTALL)
    if match is None or int(match[1]) != len(header):
        raise ValueError("it has an extended header that is not of evidence")
    return match[2].decode("utf-8", "surrogateescape")


def _take(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _write(path: Path, stream: IO[bytes], info: tarfile.TarInfo) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o755 if info.mode & 0o100 else 0o644
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            left = info.size
            while left:
                left -= file.write(_take(stream, min(left, 1 << 20)))
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{path.name} stands in it twice") from error
    _take(stream, -info.size % _BLOCK)
