"""Real packages of Debian bullseye, from this machine's mirror, in a cache that is kept."""

from __future__ import annotations

from backport.environments import mirror, systems
from backport.environments.base import Dependencies
from backport.environments.mirror import Pool
from backport.environments.standin import debian_suites
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
