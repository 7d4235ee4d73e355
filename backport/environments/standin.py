"""The stand-in base: a Debian release, and the modules that the recipe adds to it."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from backport.environments import (
    chroot,
    localrepo,
    machine_sources,
    mirror,
    pypi,
    standin_modules,
    systems,
)
from backport.environments.apt_reasons import UnmetError
from backport.environments.base import Dependencies, Differing, PreparedBase, not_own
from backport.environments.machine_sources import Suite
from backport.environments.standin_modules import EPOCH, PLAIN, ModuleTable
from backport.errors import InputError, MachineError
from backport.recipe.model import Series
from backport.recipe.version_strings import upstream_part

# What the recipe makes for some series only: the others have it already.
_COMPILERS, ELSEWHERE = "modules", "elsewhere"


class StandIn:
    """The base `stand-in`. What does not differ between series is made once for all of them.

    Parameters:
        table: what it is made of.
        suites: the archive; without it Debian's, from this machine's own mirrors.
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
            "modules": self.table.digest,
            "code": systems.code_hash(
                chroot, pypi, systems, standin_modules, sys.modules[__name__]
            ),
            "series": series.name if series.name in self.table.extras else "",
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
        if architecture != "amd64" and self.table.modules:
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
            made = systems.Systems(
                pool,
                home,
                origin=self.kind,
                epoch=EPOCH,
                include=self.table.testbed,
                groups=(_COMPILERS,) if self.table.modules else (),
            )
            debs = of_series(pool, dependencies, series.name)
            if pool.local:
                modules = home / f"modules-{self._modules_key(architecture)}"
                made.make(lambda: self._modules(modules, made.repository.path, cache, architecture))
                debs |= {*modules.glob("*.deb"), *(modules / series.name).glob("*.deb")}
            else:
                made.make()
            repository = localrepo.publish(
                sorted(debs), out / series.name / "base", origin=self.kind, epoch=EPOCH
            )
        return PreparedBase(
            kind=self.kind,
            suite=f"Debian {self.table.suite}",
            repository=repository.path,
            chroot=made.chroot,
            testbed_root=made.testbed_root,
            differing=differing(self.table, series.name, debs),
        )

    def _pool(
        self, dependencies: Dependencies, home: Path, cache: Path, architecture: str
    ) -> mirror.Pool:
        suites = self._suites or machine_sources.machine_suites(self.table.suite)
        controls = [standin_modules.control(one, architecture) for one in self.table.everything]
        controls += [standin_modules.dummy_control(dummy) for dummy in self.table.dummies]
        groups = {
            systems.BUILD: list(chroot.BUILD_PACKAGES),
            systems.TESTBED: [*chroot.TESTBED_PACKAGES, *self.table.testbed],
            **({_COMPILERS: list(standin_modules.BUILD_NEEDS)} if self.table.modules else {}),
            "build-dependencies": not_own(dependencies.build, dependencies.own),
            "test-dependencies": not_own(dependencies.test, dependencies.own),
        }
        # Where one is needed each can be installed, whether or not a relation names it.
        elsewhere = {name for one in dependencies.made_in for name in dependencies.elsewhere(one)}
        named = {one.package for one in self.table.everything} | self.table.own.keys()
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
        code = systems.code_hash(standin_modules, pypi, localrepo)
        return systems.data_hash([self.table.digest, architecture, code])

    def _modules(self, folder: Path, system: Path, cache: Path, architecture: str) -> None:
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
    known = {name: one.get(series, "") for name, one in table.own.items()}
    known |= {module.package: module.series.get(series, "") for module in table.modules}
    known |= {dummy.package: dummy.series.get(series, "") for dummy in table.dummies}
    return tuple(
        Differing(name, theirs, present[name])
        for name, theirs in sorted(known.items())
        if name in present and upstream(theirs) != upstream(present[name])
    )


def upstream(version: str) -> str:
    """A package version's upstream part, without epoch, revision and a mark of repacking."""
    return re.sub(r"[~+.]dfsg.*$", "", upstream_part(version))
