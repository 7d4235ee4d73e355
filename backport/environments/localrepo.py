"""Local apt repositories: .deb files from a tree, and flat repositories from .deb files.

A repository is a link to a folder named after its content. Publishing writes a new folder and
then moves the link by one rename, so whoever reads meanwhile sees the old state or the new one.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from backport import atomic
from backport.engine import system_errors
from backport.engine.process import require, run
from backport.errors import InputError, StepError
from backport.source.files import set_plain_modes, settle

_INDEX_OPTIONS = (
    # One strong hash is enough to check, and a large pool is read faster.
    "--option=APT::FTPArchive::MD5=false",
    "--option=APT::FTPArchive::SHA1=false",
    "--option=APT::FTPArchive::SHA512=false",
    "--option=APT::FTPArchive::AlwaysStat=true",
)
_ORIGIN = re.compile(r"[a-z0-9][a-z0-9-]*")
_GENERATIONS_KEPT = 4


@dataclass(frozen=True)
class Repository:
    """A flat repository. `path` is the link that stays the same, `origin` what a pin names."""

    path: Path
    origin: str

    @property
    def folder(self) -> Path:
        """The folder that the link names now; its content never changes."""
        return self.path.resolve()


def publish(packages: Sequence[Path], link: Path, *, origin: str, epoch: int) -> Repository:
    """Make `link` a repository of exactly `packages`.

    The same packages give the same bytes, and nothing is written where they are there already.
    The last few states are kept beside the link, for those who still read them.

    Parameters:
        packages: .deb files; linked into the repository, or copied from another file system.
        link: where the repository appears.
        origin: the Release file's Origin, a word in lower case.
        epoch: seconds since 1970, for the Release file's date.

    Raises:
        InputError: two packages have one file name, or a file is no package.
        MachineError: apt-ftparchive is not installed, or the disk is full.
    """
    if not _ORIGIN.fullmatch(origin):
        raise InputError(f"the origin {origin!r} is not a word in lower case", where=str(link))
    names = [path.name for path in packages]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(
            f"two packages have the file name {doubled[0]}", where=str(link), advice="remove one"
        )
    key = _key(packages, origin, epoch)
    home = link.parent / f".{link.name}.states"
    home.mkdir(parents=True, exist_ok=True)
    state = home / key
    if not state.is_dir():
        with tempfile.TemporaryDirectory(dir=home, prefix=".new-") as scratch:
            fresh = Path(scratch) / "state"
            fresh.mkdir()
            for path in sorted(packages):
                link_or_copy(path, fresh / path.name)
            _write_indices(fresh, origin, epoch)
            set_plain_modes(fresh)
            try:
                fresh.rename(state)
            except OSError:
                # Another process published the same state in the meantime.
                if not state.is_dir():
                    raise
    os.utime(state)
    atomic.link(link, state.relative_to(link.parent))
    _forget_old_states(home, keep=state)
    return Repository(link, origin)


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it where the file systems differ."""
    try:
        target.hardlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)


def write_deb(tree: Path, control: Mapping[str, str], folder: Path, *, epoch: int) -> Path:
    """Build a .deb from a tree of files; the same input gives the same bytes.

    Parameters:
        tree: the root of the package's files; a DEBIAN folder is added to it.
        control: the fields of the control file, in their order.
        folder: where the package appears, named as dpkg names it (without the epoch).
        epoch: seconds since 1970, for the time stamps of all files.

    Raises:
        StepError: dpkg-deb refused; the message has its last line.
    """
    meta = tree / "DEBIAN"
    meta.mkdir()
    text = "".join(f"{field}: {value}\n" for field, value in control.items() if value)
    (meta / "control").write_text(text)
    settle(tree, epoch)
    version = control["Version"].partition(":")[2] or control["Version"]
    target = folder / f"{control['Package']}_{version}_{control['Architecture']}.deb"
    done = run(
        [
            require("dpkg-deb", "dpkg"),
            "--root-owner-group",
            "--uniform-compression",
            # Packages for this machine alone: quick to pack and to unpack.
            "-Zgzip",
            "-z1",
            "--build",
            tree,
            target,
        ],
        env={"SOURCE_DATE_EPOCH": str(epoch)},
    )
    if done.exit_code != 0:
        target.unlink(missing_ok=True)
        if system_errors.lacking(done.output):
            raise system_errors.full(folder)
        raise StepError(f"dpkg-deb failed: {done.tail(1)}", where=control["Package"])
    return target


def _key(packages: Sequence[Path], origin: str, epoch: int) -> str:
    digest = hashlib.sha256(f"{origin}\n{epoch}\n".encode())
    for path in sorted(packages, key=lambda path: path.name):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()[:16]


def _write_indices(folder: Path, origin: str, epoch: int) -> None:
    ftparchive = require("apt-ftparchive", "apt-utils")
    index = folder / "Packages"
    done = run([ftparchive, *_INDEX_OPTIONS, "packages", "."], cwd=folder)
    stanzas = [part for part in done.output.split("\n\n") if part.startswith("Package: ")]
    if system_errors.lacking(done.output):
        raise system_errors.full(folder)
    found = len(list(folder.glob("*.deb")))
    if done.exit_code != 0 or len(stanzas) != found:
        raise InputError(
            f"apt-ftparchive could read {len(stanzas)} of {found} packages: {done.tail(1)}",
            where=str(folder),
        )
    index.write_text("".join(f"{stanza.strip()}\n\n" for stanza in sorted(stanzas)))
    with (
        (folder / "Packages.gz").open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=epoch) as packed,
    ):
        packed.write(index.read_bytes())
    sums = "".join(
        f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n"
        for name in ("Packages", "Packages.gz")
        for data in [(folder / name).read_bytes()]
    )
    (folder / "Release").write_text(
        f"Origin: {origin}\nLabel: {origin}\nSuite: local\nCodename: local\n"
        f"Date: {formatdate(epoch, usegmt=True)}\nSHA256:\n{sums}"
    )


def _forget_old_states(home: Path, keep: Path) -> None:
    states = sorted(
        (path for path in home.iterdir() if not path.name.startswith(".new-")),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in states[_GENERATIONS_KEPT:]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
