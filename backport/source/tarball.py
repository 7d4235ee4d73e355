"""A reproducible tarball of a folder, and a tarball unpacked as dpkg-source would."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path

from backport.builder import as_builder
from backport.engine.process import require
from backport.errors import InputError
from backport.source.files import plain_mode

# 2000-01-01: later than 1980, before which zip files (and so wheels) know no time.
DEFAULT_TIME = 946_684_800
# dpkg-source(1): the compressions of an orig tarball.
SUFFIXES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tar.lzma")
_LEFT_OUT = {".git", ".hg", ".svn", ".bzr", "CVS", "__pycache__"}


def make_tarball(folder: Path, prefix: str, out: Path, *, mtime: int = DEFAULT_TIME) -> Path:
    """Pack a folder so that equal content gives equal bytes, wherever and whenever.

    Entries are sorted, owned by 0:0, of plain modes and one time; version control and bytecode
    are left out.

    Parameters:
        folder: what is packed.
        prefix: the one folder at the top of the tarball.
        out: the .tar.gz to write.
        mtime: the time of all entries, in seconds since 1970.

    Raises:
        InputError: the folder is missing or empty, holds something that is neither file, folder
            nor link, or a link that leaves it.
    """
    entries = list(_entries(folder, folder))
    if not entries:
        raise InputError("there is nothing in this folder to pack", where=str(folder))
    with (
        out.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=9) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in [folder, *entries]:
            info = tar.gettarinfo(path, f"{prefix}/{path.relative_to(folder)}".removesuffix("/."))
            if info.islnk():
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = mtime
            info.mode = 0o777 if info.issym() else plain_mode(path.stat().st_mode)
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)
    return out


def _entries(folder: Path, top: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder))
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT or path.name.endswith(".pyc"):
            continue
        if path.is_symlink():
            target = (path.parent / path.readlink()).resolve()
            if path.readlink().is_absolute() or not target.is_relative_to(top.resolve()):
                raise InputError(
                    f"this link leaves the folder: {path.readlink()}",
                    where=str(path),
                    advice="replace it by the file",
                )
        elif not (path.is_file() or path.is_dir()):
            raise InputError("this is neither file, folder nor link", where=str(path))
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _entries(path, top)


def compression(tarball: Path) -> str:
    """The tarball's suffix, such as ``.tar.gz``.

    Raises:
        InputError: it is none that a source package can have.
    """
    for suffix in SUFFIXES:
        if tarball.name.endswith(suffix):
            return suffix
    raise InputError(
        "this is no tarball that a source package can have",
        where=tarball.name,
        advice=f"take one that ends in {', '.join(SUFFIXES)}",
    )


def unpack(tarball: Path, folder: Path) -> Path:
    """Unpack an orig tarball to `folder`, which must not exist, and return it.

    A single folder at the top is taken off, as dpkg-source(1) does.

    Raises:
        InputError: tar cannot read it.
    """
    inner = folder.with_name(f"{folder.name}.unpacked")
    inner.mkdir(parents=True)
    options = ["--no-same-owner", "--no-same-permissions"]
    result = as_builder.run(
        [require("tar", "tar"), *options, "--extract", "--file", tarball],
        inner.resolve(),
        reads=[tarball],
        env={"LC_ALL": "C.UTF-8", "TAR_OPTIONS": ""},
    )
    if result.exit_code != 0:
        raise InputError(
            f"tar cannot unpack it: {result.tail(1)}",
            where=tarball.name,
            advice="fetch it again, or mend the pin",
        )
    entries = list(inner.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
        entries[0].rename(folder)
        inner.rmdir()
    else:
        inner.rename(folder)
    return folder
