"""A real build chroot and a real testbed root of Debian bullseye, made once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backport.environments import systems
from tests.environments import real
from tests.support.systems import home


@dataclass(frozen=True)
class Bullseye:
    """The tarball of a build chroot and the root directory of a testbed."""

    chroot: Path
    testbed_root: Path


def bullseye() -> Bullseye:
    """Make both below BACKPORT_TEST_CACHE, or take those that are there."""
    folder = home() / real.SUITE
    with systems.locked(folder):
        return Bullseye(*systems.make(real.without_compiler(folder / "own"), folder))
