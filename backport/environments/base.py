"""What a base gives to builds and tests. The two bases are `ubuntu` and `standin`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from backport.recipe.model import Series
from backport.source.relations import groups


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
class Dependencies:
    """What the base has to hold: package relations, as in a control file's fields.

    `build` are the build-dependencies of all sources, `test` what the testbeds install, and
    `own` the binary packages that the recipe itself builds, which the base need not have. `made_in`
    are those that it builds for a series, by the series' name.
    """

    build: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    own: frozenset[str] = frozenset()
    made_in: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def elsewhere(self, series: str) -> frozenset[str]:
        """Of `own`, what is built for other series only: in this one it is the archive's."""
        return self.own - self.made_in.get(series, self.own)

    def within(self, other: Self) -> bool:
        """Whether a base that holds the other's dependencies holds these too."""
        lists = ((self.build, other.build), (self.test, other.test), (self.own, other.own))
        return all({*mine} <= {*theirs} for mine, theirs in lists) and all(
            names <= other.made_in.get(series, frozenset())
            for series, names in self.made_in.items()
        )


class Base(Protocol):
    """Makes a `PreparedBase` for a series."""

    kind: str

    def inputs(self, series: Series) -> dict[str, str]:
        """What the prepared base depends on beside the dependencies, as names and hashes."""
        ...

    def prepare(
        self, series: Series, dependencies: Dependencies, out: Path, cache: Path
    ) -> PreparedBase:
        """Make the base below the folder `out`; what is there is kept.

        Parameters:
            cache: the folder of downloads.

        Raises:
            RemoteError: the archive does not answer. InputError: a signature or hash is wrong, or
            a relation cannot be met. StepError: a module or chroot cannot be built.
            MachineError: this machine lacks a program, a keyring or room.
        """
        ...


def not_own(relations: Sequence[str], own: frozenset[str]) -> list[str]:
    """The relations that the base has to meet: those with no alternative among `own`."""
    return [
        relation
        for relation in relations
        if not any(one.name in own for group in groups(relation) for one in group)
    ]
