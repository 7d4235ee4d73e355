"""What a base gives to builds and tests. The two bases are `ubuntu` and `standin`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backport.recipe.model import Series


@dataclass(frozen=True)
class Differing:
    """A binary package whose version in the base is not the series'.

    `series_version` is "" where it is not known.
    """

    package: str
    series_version: str
    base_version: str


@dataclass(frozen=True)
class PreparedBase:
    """A base that is ready on disk.

    `kind` is ``ubuntu`` or ``stand-in``; `suite` is what its packages come from; `repository` is
    a flat apt repository with every package of the base that builds and tests need; `chroot` is
    the tarball of a minimal build chroot; `testbed_root` is the root directory of a testbed with
    systemd. Both chroots read packages from local repositories only. `older` is a flat repository
    of what the series' archive has of the update's own binary packages; None where there is none.
    `notes` are what the record of the run has to say of it.
    """

    kind: str
    suite: str
    repository: Path
    chroot: Path
    testbed_root: Path
    differing: tuple[Differing, ...] = ()
    older: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What the base has to hold: package relations, as in a control file's fields.

    `build` are the build-dependencies of all sources, `test` what the testbeds install, and
    `own` the binary packages that the recipe itself builds, which the base need not have. Of
    these it makes those in `elsewhere` for other series only: here they are the archive's.
    """

    build: tuple[str, ...]
    test: tuple[str, ...]
    own: frozenset[str]
    elsewhere: frozenset[str] = frozenset()


class Base(Protocol):
    """Makes a `PreparedBase` for a series."""

    kind: str

    def inputs(self, series: Series, wanted: Wanted) -> dict[str, str]:
        """What the prepared base depends on, as names and hashes, for the step's key."""
        ...

    def prepare(self, series: Series, wanted: Wanted, out: Path, cache: Path) -> PreparedBase:
        """Make the base below the folder `out`, with downloads kept in `cache`.

        Raises:
            RemoteError: the archive does not answer. InputError: a signature or hash is wrong.
            MachineError: this machine lacks a program, a keyring or room.
        """
        ...


def not_own(relations: Sequence[str], own: frozenset[str]) -> list[str]:
    """The relations that the base has to meet: those with no alternative among `own`."""
    return [
        relation
        for relation in relations
        if not any(re.split(r"[\s(:\[<]", one.strip())[0] in own for one in relation.split("|"))
    ]
