"""The stand-in base: a Debian release, and the modules that the recipe adds to it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from backport.environments import chroot, localrepo, mirror, standin_modules, systems
from backport.environments.apt_reasons import UnmetError
from backport.environments.base import Dependencies, Differing, PreparedBase
from backport.environments.private_apt import Suite
from backport.environments.standin_modules import BUILD_NEEDS, PLAIN, ModuleTable
from backport.errors import InputError, MachineError
from backport.recipe.model import Series
from backport.recipe.version_strings import upstream_part

MIRROR_VARIABLE = "BACKPORT_DEBIAN_MIRROR"
"""The environment variable that names another mirror than Debian's own.

It is the address of the folder that has ``debian`` and ``debian-security``.
"""

DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def debian_suites(suite: str, *, keyring: Path = DEBIAN_KEYRING) -> tuple[Suite, Suite]:
    """Debian's `suite`, such as the stand-in's, and its security suite.

    Raises:
        MachineError: the keyring is not there.
    """
    if not keyring.is_file():
        raise MachineError(
            "Debian's archive keyring is missing",
            where=str(keyring),
            advice="run: sudo apt install debian-archive-keyring",
        )
    mirror = (os.environ.get(MIRROR_VARIABLE) or "http://deb.debian.org").rstrip("/")
    return (
        Suite(f"{mirror}/debian", suite, ("main",), keyring),
        Suite(f"{mirror}/debian-security", f"{suite}-security", ("main",), keyring),
    )


class StandIn:
    """The base `stand-in`. What does not differ between series is made once for all of them.

    Parameters:
        table: what it is made of.
        suites: the archive; without it Debian's.
        offline: download nothing.
    """

    kind = "stand-in"

    def __init__(
        self, table: ModuleTable = PLAIN, *, suites: Sequence[Suite] = (), offline: bool = False
    ) -> None:
        self.table = table
        self._suites = tuple(suites)
        self._offline = offline

    def inputs(self, series: Series) -> dict[str, str]:
        """See `Base`."""
        return {
            "modules": systems.data_hash(asdict(self.table)),
            "code": systems.code_hash(chroot, systems, standin_modules, sys.modules[__name__]),
            "series": series.name if series.name in self.table.extra else "",
        }

    def prepare(
        self, series: Series, dependencies: Dependencies, out: Path, cache: Path
    ) -> PreparedBase:
        """See `Base`."""
        architecture = systems.architecture()
        if architecture != "amd64" and self.table.module:
            raise MachineError(
                f"the stand-in base has no modules for {architecture}",
                advice="use the base ubuntu, or a machine of the architecture amd64",
            )
        home, table = out / self.kind, self.table
        groups = systems.groups(dependencies, table.testbed)
        if table.module:
            groups[systems.MODULES] = list(BUILD_NEEDS)
            # Each can be installed, whether or not a relation names it.
            names = {package for _, package, _ in table.modules()} | table.own.keys()
            groups["all"] = sorted(names)
        key = systems.data_hash(
            [asdict(table), architecture, systems.code_hash(standin_modules, localrepo)]
        )
        modules = home / f"modules-{key}"

        def make_modules(system: Path) -> None:
            if table.module and not modules.is_dir():
                standin_modules.build_modules(
                    table, system, modules, architecture, cache, offline=self._offline
                )

        with systems.locked(home):
            try:
                pool = mirror.collect(
                    self._suites or debian_suites(table.suite),
                    groups,
                    home,
                    architecture=architecture,
                    cache=cache,
                    to_build=table.controls(architecture),
                    if_there={
                        systems.ELSEWHERE: {
                            name
                            for made_in in dependencies.made_in
                            for name in dependencies.elsewhere(made_in)
                        }
                    },
                    older_for_lost=True,
                    offline=self._offline,
                )
            except UnmetError as error:
                raise InputError(
                    f"the stand-in, Debian {table.suite}, cannot meet {error.names}",
                    where=error.where,
                    advice="name a later Debian release as its suite, or use the base ubuntu; "
                    "relax the relation only if the series cannot meet it either",
                ) from error
            tarball, root = systems.make(pool, home, testbed=table.testbed, beside=make_modules)
            debs, _ = systems.of_series(pool, dependencies, series.name)
            if table.module:
                debs |= {*modules.glob("*.deb"), *(modules / series.name).glob("*.deb")}
            repository = localrepo.publish(sorted(debs), out / series.name / "base")
        return PreparedBase(
            kind=self.kind,
            suite=f"Debian {self.table.suite}",
            repository=repository,
            chroot=tarball,
            testbed_root=root,
            differing=differing(self.table, series.name, debs),
        )


def differing(table: ModuleTable, series: str, debs: set[Path]) -> tuple[Differing, ...]:
    """The packages whose upstream version is not the series', or may not be.

    Parameters:
        table: what the stand-in has of its own.
        series: the series' name.
        debs: all packages of the base.
    """
    present = dict(path.name.split("_")[:2] for path in debs)
    known = {
        name: one.series.get(series, "")
        for packages in (table.own, table.module, table.dummy)
        for name, one in packages.items()
    }
    return tuple(
        Differing(name, theirs, present[name])
        for name, theirs in sorted(known.items())
        if name in present and upstream(theirs) != upstream(present[name])
    )


def upstream(version: str) -> str:
    """A package version's upstream part, without epoch, revision and a mark of repacking."""
    return re.sub(r"[~+.]dfsg.*$", "", upstream_part(version))
