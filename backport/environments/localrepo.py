"""Local apt repositories: .deb files from a tree, and flat repositories from .deb files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from backport.engine import system_errors
from backport.engine.process import run
from backport.engine.step import hash_text
from backport.errors import InputError, StepError
from backport.source.files import same_file, set_modes_and_times, set_plain_modes, sha256_of
from backport.system_packages import require

_INDEX_OPTIONS = (
    # One strong hash is enough to check, and a large pool is read faster.
    "--option=APT::FTPArchive::MD5=false",
    "--option=APT::FTPArchive::SHA1=false",
    "--option=APT::FTPArchive::SHA512=false",
    "--option=APT::FTPArchive::AlwaysStat=true",
)
# Without a Release file apt asks for each kind of compression, and logs an error for each.
_RELEASE = """\
Suite: local
Codename: local
Date: Sat, 01 Jan 2000 00:00:00 UTC
SHA256:
 {sha256} {size} Packages
"""


def publish(packages: Sequence[Path], folder: Path) -> Path:
    """Make a flat repository of exactly `packages`.

    It appears beside `folder` by one rename, with the hash of its content behind that name. What
    is there already is not written again, and never changes.

    Parameters:
        packages: .deb files; linked into the repository, or copied from another file system.
        folder: the repository's place and name, to which the hash is added.

    Raises:
        InputError: two packages have one file name, or a file is no package.
        MachineError: apt-ftparchive is not installed, or the disk is full.
    """
    names = [path.name for path in packages]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"two packages have the file name {doubled[0]}", where=str(folder), advice="remove one"
        )
    content = "".join(sorted(f"{path.name} {sha256_of(path)}\n" for path in packages))
    place = folder.with_name(f"{folder.name}-{hash_text(content)[:16]}")
    if not place.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
            fresh = Path(scratch) / "repository"
            fresh.mkdir()
            for path in packages:
                same_file(fresh / path.name, path)
            _write_index(fresh)
            set_plain_modes(fresh)
            fresh.rename(place)
    return place


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
    set_modes_and_times(tree, epoch)
    version = control["Version"].partition(":")[2] or control["Version"]
    target = folder / f"{control['Package']}_{version}_{control['Architecture']}.deb"
    # Packages for this machine alone: quick to pack and to unpack.
    options = ("--root-owner-group", "--uniform-compression", "-Zgzip", "-z1")
    done = run(
        ["dpkg-deb", *options, "--build", tree, target], env={"SOURCE_DATE_EPOCH": str(epoch)}
    )
    if done.exit_code != 0:
        target.unlink(missing_ok=True)
        system_errors.refuse_full(done.output, folder)
        raise StepError(f"dpkg-deb failed: {done.tail(1)}", where=control["Package"])
    return target


def _write_index(folder: Path) -> None:
    ftparchive = require("apt-ftparchive")
    done = run([ftparchive, *_INDEX_OPTIONS, "packages", "."], cwd=folder)
    system_errors.refuse_full(done.output, folder)
    stanzas = [part for part in done.output.split("\n\n") if part.startswith("Package: ")]
    count = len(list(folder.glob("*.deb")))
    if done.exit_code != 0 or len(stanzas) != count:
        raise InputError(
            f"apt-ftparchive could read {len(stanzas)} of {count} packages: {done.tail(1)}",
            where=str(folder),
        )
    text = "".join(f"{stanza.strip()}\n\n" for stanza in sorted(stanzas))
    (folder / "Packages").write_text(text)
    release = _RELEASE.format(sha256=hash_text(text), size=len(text.encode()))
    (folder / "Release").write_text(release)
