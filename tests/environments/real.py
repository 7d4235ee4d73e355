"""Real packages of Debian bullseye, from this machine's mirror, in a cache that is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backport.environments import mirror, systems
from backport.environments.base import Dependencies
from backport.environments.mirror import Pool
from backport.environments.standin import debian_suites
from tests.build.packages import make_deb
from tests.support.systems import home

SUITE = "bullseye"


def pool(*more: str) -> Pool:
    """What chroots and testbeds are made of, and further packages; downloaded once."""
    suites = debian_suites(SUITE)
    groups = {**systems.groups(Dependencies()), "more": [*more]}
    return mirror.collect(
        suites,
        groups,
        home() / "archive",
        architecture="amd64",
        cache=home() / "cache",
        older_for_lost=True,
    )


def without_compiler(folder: Path, *more: str) -> Pool:
    """The same with a build-essential, made once in `folder`, that brings no compiler."""
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / "build-essential_12.9_all.deb"
    if not own.exists():
        make_deb(folder, "build-essential", "12.9", "dpkg-dev, make")
    whole = pool(*more)
    groups = {
        name: tuple(own if deb.name.startswith("build-essential_") else deb for deb in debs)
        for name, debs in whole.groups.items()
    }
    return replace(whole, groups=groups)
