"""An archive that looks like Ubuntu's: three pockets, two components, two keys, a past date."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from backport.environments import chroot
from backport.environments.private_apt import Suite
from backport.environments.ubuntu import COMPONENTS
from backport.recipe.model import Series
from backport.source.files import same_file
from tests.build.packages import make_deb
from tests.environments.packages import served

SERIES = "xenial"
POCKETS = ("", "-updates", "-security")
RELEASE = {
    "Origin": "Ubuntu",
    "Label": "Ubuntu",
    "Version": "16.04",
    "Codename": SERIES,
    # A series that has ended is never signed anew.
    "Date": "Thu, 21 Apr 2016 23:23:46 UTC",
    "Valid-Until": "Thu, 28 Apr 2016 23:23:46 UTC",
    "Architectures": "amd64 i386",
    "Components": " ".join(COMPONENTS),
}


class UbuntuArchive:
    """The archive below `folder`: `add` packages, then `sign`."""

    def __init__(self, folder: Path, key_home: Path) -> None:
        self.folder = folder
        self.pool = self._pool("", "main")
        self._key_home = key_home

    def add(self, deb: Path, pocket: str = "", component: str = "main") -> None:
        """Put a package into a pocket's component."""
        same_file(self._pool(pocket, component) / deb.name, deb)

    def make(
        self, name: str, version: str = "1.0", *, pocket: str = "", component: str = "main",
        files: Mapping[str, str] | None = None, **fields: str,
    ) -> None:  # fmt: skip
        """Make a package there; `fields` are further control fields, such as ``Depends``."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items())
        make_deb(self._pool(pocket, component), name, version, files=files, fields=lines)

    def make_system(self) -> None:
        """Make a small package of each name that every chroot and testbed asks for."""
        self.make("base-files", Essential="yes")
        for name in sorted({*chroot.BUILD_PACKAGES, *chroot.TESTBED_PACKAGES}):
            self.make(name, component="universe" if name == "libnss-myhostname" else "main")

    def sign(self, *options: str) -> None:
        """Write the indices of all pockets, and sign them; `options` are further ones for gpg."""
        for pocket in POCKETS:
            dist = self.folder / "dists" / f"{SERIES}{pocket}"
            for component in COMPONENTS:
                binary = dist / component / "binary-amd64"
                binary.mkdir(parents=True, exist_ok=True)
                pool = str(self._pool(pocket, component).relative_to(self.folder))
                packages = _output("apt-ftparchive", "packages", pool, cwd=self.folder)
                (binary / "Packages").write_bytes(packages)
                (binary / "Packages.gz").write_bytes(gzip.compress(packages, mtime=0))
            for name in ("Release", "InRelease", "Release.gpg"):
                (dist / name).unlink(missing_ok=True)
            fields = {**RELEASE, "Suite": f"{SERIES}{pocket}"}.items()
            words = [f"-o=APT::FTPArchive::Release::{name}={value}" for name, value in fields]
            release = _output("apt-ftparchive", *words, "release", ".", cwd=dist)
            (dist / "Release").write_bytes(release)
            gpg = ["gpg", "--homedir", str(self._key_home), "--batch", "--quiet", "--yes", *options]
            _output(*gpg, "--clearsign", "-o", "InRelease", "Release", cwd=dist)
            _output(*gpg, "--detach-sign", "-o", "Release.gpg", "Release", cwd=dist)

    def served(self, *, cut: str = "") -> AbstractContextManager[str]:
        """The archive's address while it is served; of paths with `cut` only half is sent."""
        return served(self.folder, cut=cut)

    def _pool(self, pocket: str, component: str) -> Path:
        folder = self.folder / "pool" / component / (pocket or "release").lstrip("-")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def seen_at(uri: str) -> Series:
    """The series as a recipe has it."""
    return Series(SERIES, "16.04", mirror=f"{uri}/")


def suites_at(uri: str, keyring: Path, *pockets: str) -> list[Suite]:
    """The suites of these pockets as a client configures them; the release without a name."""
    return [Suite(uri, f"{SERIES}{pocket}", COMPONENTS, keyring) for pocket in pockets or ("",)]


def _output(*words: str, cwd: Path) -> bytes:
    return subprocess.run(words, cwd=cwd, check=True, capture_output=True).stdout
