"""Orig tarballs: their names, and one unpacked as dpkg-source would."""

from __future__ import annotations

from pathlib import Path

from backport.builder import as_builder
from backport.errors import InputError

# dpkg-source(1): the compressions of an orig tarball.
SUFFIXES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tar.lzma")


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
        ["tar", *options, "--extract", "--file", tarball],
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
