"""A real build chroot and a real testbed root of Debian bullseye, made once and kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from backport.environments.standin import debian_suites
from tests.support.systems import home, made_once

SUITE = "bullseye"
IN_CHROOT = ("fakeroot",)
IN_ROOT = ("dbus", "dpkg-dev", "iproute2", "procps", "systemd", "systemd-sysv")


@dataclass(frozen=True)
class Bullseye:
    """The tarball of a build chroot and the root directory of a testbed."""

    chroot: Path
    testbed_root: Path


def bullseye() -> Bullseye:
    """Make both below BACKPORT_TEST_CACHE, or take those that are there."""
    made_of = (debian_suites(SUITE), IN_CHROOT, IN_ROOT)
    folder = home() / f"{SUITE}-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]}"

    def system(name: str, variant: str, packages: tuple[str, ...]) -> Path:
        options = ("--quiet", f"--variant={variant}", f"--include={','.join(packages)}")
        return made_once(folder / name, SUITE, *options, "--dpkgopt=force-unsafe-io")

    return Bullseye(system("chroot.tar", "buildd", IN_CHROOT), system("root", "minbase", IN_ROOT))
