"""An archive that looks like Ubuntu's: three pockets, two components, two keys, a past date."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from backport.environments import chroot
from backport.environments.private_apt import Suite
from backport.environments.ubuntu import COMPONENTS
from backport.recipe.model import Series
from backport.source.files import same_file
from tests.environments.packages import make_deb, served

SERIES = "xenial"
POCKETS = ("", "-updates", "-security")
# A series that has ended is never signed anew.
DATES = "Date: Thu, 21 Apr 2016 23:23:46 UTC\nValid-Until: Thu, 28 Apr 2016 23:23:46 UTC\n"


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
        **fields: str,
    ) -> Path:  # fmt: skip
        """Make a package with one file there."""
        return make_deb(self._pool(pocket, component), name, version, **fields)

    def make_system(self) -> None:
        """Make a small package of each name that every chroot and testbed asks for."""
        self.make("base-files", Essential="yes")
        for name in sorted({*chroot.BUILD_PACKAGES, *chroot.TESTBED_PACKAGES}):
            self.make(name, component="universe" if name == "libnss-myhostname" else "main")

    def sign(self, *options: str) -> None:
        """Write the indices of all pockets, and sign them; `options` are further ones for gpg."""
        for pocket in POCKETS:
            dist = self.folder / "dists" / f"{SERIES}{pocket}"
            sums = "".join(self._index(dist, pocket, component) for component in COMPONENTS)
            (dist / "Release").write_text(
                f"Origin: Ubuntu\nLabel: Ubuntu\nSuite: {SERIES}{pocket}\nVersion: 16.04\n"
                f"Codename: {SERIES}\n{DATES}Architectures: amd64 i386\n"
                f"Components: {' '.join(COMPONENTS)}\nDescription: Ubuntu Xenial 16.04\n"
                f"SHA256:\n{sums}"
            )
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

    def _index(self, dist: Path, pocket: str, component: str) -> str:
        pool = self._pool(pocket, component)
        packages = _output(
            "apt-ftparchive", "packages", str(pool.relative_to(self.folder)), cwd=self.folder
        )
        binary = dist / component / "binary-amd64"
        binary.mkdir(parents=True, exist_ok=True)
        packed = gzip.compress(packages, compresslevel=1, mtime=0)
        (binary / "Packages.gz").write_bytes(packed)
        place = binary.relative_to(dist)
        return "".join(
            f" {hashlib.sha256(data).hexdigest()} {len(data):16} {place}/{name}\n"
            for name, data in (("Packages", packages), ("Packages.gz", packed))
        )


def seen_at(uri: str) -> Series:
    """The series as a recipe has it."""
    return Series(SERIES, "16.04", mirror=f"{uri}/")


def suites_at(uri: str, keyring: Path, *pockets: str) -> list[Suite]:
    """The suites of these pockets as a client configures them; the release without a name."""
    return [Suite(uri, f"{SERIES}{pocket}", COMPONENTS, keyring) for pocket in pockets or ("",)]


def _output(*words: str, cwd: Path) -> bytes:
    return subprocess.run(words, cwd=cwd, check=True, capture_output=True).stdout
