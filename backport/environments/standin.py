"""The stand-in base: a Debian release, and the modules that the recipe adds to it."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from backport.environments import chroot, localrepo, mirror, standin_modules, systems
from backport.environments.apt_reasons import UnmetError
from backport.environments.base import Dependencies, Differing, PreparedBase
from backport.environments.standin_modules import BUILD_NEEDS, PLAIN, ModuleTable
from backport.environments.suites import Suite, debian_suites
from backport.errors import InputError, MachineError
from backport.recipe.model import Series
from backport.recipe.version_strings import upstream_part

# What the recipe makes for some series only: the others have it already.
_COMPILERS, ELSEWHERE = "modules", "elsewhere"


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
        """What the prepared base depends on beside the dependencies, as names and hashes."""
        return {
            "modules": systems.data_hash(asdict(self.table)),
            "code": systems.code_hash(chroot, systems, standin_modules, sys.modules[__name__]),
            "series": series.name if series.name in self.table.extra else "",
        }

    def prepare(
        self, series: Series, dependencies: Dependencies, out: Path, cache: Path
    ) -> PreparedBase:
        """Make repository, build chroot and testbed root below `out`; what is there is kept.

        The modules are built only where a dependency needs one of them.

        Raises:
            RemoteError: the mirror or the package index does not answer.
            InputError: a signature or hash is wrong, or the suite lacks a dependency.
            StepError: a module or chroot cannot be built. MachineError: a program is missing, or
                the disk is full.
        """
        architecture = systems.architecture()
        if architecture != "amd64" and self.table.module:
            raise MachineError(
                f"the stand-in base has no modules for {architecture}",
                advice="use the base ubuntu, or a machine of the architecture amd64",
            )
        home = out / self.kind
        with systems.alone(home):
            try:
                pool = self._pool(dependencies, home, cache, architecture)
            except UnmetError as error:
                raise InputError(
                    f"the stand-in, Debian {self.table.suite}, cannot meet {error.names}",
                    where=error.where,
                    advice="name a later Debian release as its suite, or use the base ubuntu; "
                    "relax the relation only if the series cannot meet it either",
                ) from error
            debs = of_series(pool, dependencies, series.name)
            modules = home / f"modules-{self._modules_key(architecture)}"

            def make_modules(system: Path) -> None:
                if pool.local:
                    self._make_modules(modules, system, cache, architecture)

            tarball, root = systems.make(
                pool,
                home,
                testbed=self.table.testbed,
                more=(_COMPILERS,) if self.table.module else (),
                beside=make_modules,
            )
            if pool.local:
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

    def _pool(
        self, dependencies: Dependencies, home: Path, cache: Path, architecture: str
    ) -> mirror.Pool:
        suites = self._suites or debian_suites(self.table.suite)
        controls = self.table.controls(architecture)
        groups = systems.groups(dependencies, self.table.testbed)
        if self.table.module:
            groups[_COMPILERS] = list(BUILD_NEEDS)
        elsewhere = {name for one in dependencies.made_in for name in dependencies.elsewhere(one)}
        # Where one is needed each can be installed, whether or not a relation names it.
        named = {package for _, package, _ in self.table.modules()} | self.table.own.keys()
        with_local = {"all": sorted(named)}
        key = systems.data_hash(
            [
                [asdict(suite) for suite in suites],
                architecture,
                groups,
                with_local,
                controls,
                sorted(elsewhere),
            ]
        )
        with tempfile.TemporaryDirectory(prefix="modules-") as folder:
            # The names and relations of packages that are yet to be built.
            index = "".join(
                "".join(f"{name}: {text}\n" for name, text in control.items() if text)
                + f"Filename: ./{control['Package']}.deb\nSize: 1\nSHA256: {'0' * 64}\n\n"
                for control in controls
            )
            (Path(folder) / "Packages").write_text(index)
            local = Suite(f"file:{folder}", "./", (), None)
            return mirror.collect(
                [*suites, local],
                groups,
                home / f"pool-{key}.json",
                architecture=architecture,
                cache=cache,
                with_local=with_local,
                if_there={ELSEWHERE: elsewhere},
                older_for_lost=True,
                offline=self._offline,
            )

    def _modules_key(self, architecture: str) -> str:
        code = systems.code_hash(standin_modules, localrepo)
        return systems.data_hash([asdict(self.table), architecture, code])

    def _make_modules(self, folder: Path, system: Path, cache: Path, architecture: str) -> None:
        if folder.is_dir():
            return
        files = standin_modules.files(self.table, cache, offline=self._offline)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
            fresh = Path(scratch) / "modules"
            fresh.mkdir()
            standin_modules.build_modules(
                self.table, files, system, fresh, architecture=architecture
            )
            fresh.rename(folder)


def of_series(pool: mirror.Pool, dependencies: Dependencies, series: str) -> set[Path]:
    """The packages of the base for a series: nothing that the recipe itself makes for it."""
    needed = {path for name in pool.groups.keys() - {ELSEWHERE} for path in pool.groups[name]}
    made_here = dependencies.own - dependencies.elsewhere(series)
    there = {*pool.groups[ELSEWHERE]}
    return needed | {path for path in there if path.name.split("_")[0] not in made_here}


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
