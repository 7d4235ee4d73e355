"""The two systems of a base: the build chroot and the testbed's root, kept in a folder.

Each is named after the packages that it is made from, and after the code that makes it: where it
is there, it is what would be made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from types import ModuleType

from backport.engine.process import run, wait_for
from backport.environments import chroot, localrepo
from backport.environments.base import Dependencies, not_own
from backport.environments.mirror import Pool

OLDER, ELSEWHERE = "older", "elsewhere"
"""The groups of a pool with what the archive has of the recipe's own binary packages: of those that
the recipe makes for a series, and of those that it makes for other series only."""

MODULES = "modules"
"""The group of a pool that modules are built with."""

_REQUIRED, _BUILD, _TESTBED = "required", "build", "testbed"


def groups(dependencies: Dependencies, testbed: Sequence[str] = ()) -> dict[str, list[str]]:
    """The relations that a base has to meet, by the groups of a pool.

    Parameters:
        testbed: packages of the testbed beside `chroot.TESTBED_PACKAGES`.
    """
    return {
        _BUILD: list(chroot.BUILD_PACKAGES),
        _TESTBED: [*chroot.TESTBED_PACKAGES, *testbed],
        "build-dependencies": not_own(dependencies.build, dependencies.own),
        "test-dependencies": not_own(dependencies.test, dependencies.own),
    }


def of_series(pool: Pool, dependencies: Dependencies, series: str) -> tuple[set[Path], set[Path]]:
    """The packages of the base for a series, and apart what the archive has of the recipe's own."""
    made_here = dependencies.own - dependencies.elsewhere(series)
    there = {path for name in (OLDER, ELSEWHERE) for path in pool.groups.get(name, ())}
    older = {path for path in there if path.name.split("_")[0] in made_here}
    rest = pool.groups.keys() - {OLDER, ELSEWHERE}
    return {path for name in rest for path in pool.groups[name]} | (there - older), older


def make(
    pool: Pool,
    home: Path,
    *,
    testbed: Sequence[str] = (),
    beside: Callable[[Path], object] = lambda _: None,
) -> tuple[Path, Path]:
    """The tarball of the build chroot and the testbed's root; what is not there is made.

    Parameters:
        pool: the packages, in the groups of `groups`.
        home: the folder that keeps what was made.
        testbed: packages of the testbed beside `chroot.TESTBED_PACKAGES`.
        beside: is called with the repository, at the same time.

    Raises:
        StepError: mmdebstrap failed. MachineError: a program is missing, or the disk is full.
    """
    names = (_REQUIRED, _BUILD, _TESTBED, MODULES)
    debs = sorted({deb for name in names for deb in pool.groups.get(name, ())})
    repository = localrepo.publish(debs, home / "system")
    key = data_hash([repository.name, code_hash(chroot, localrepo)])
    tarball, root = home / f"chroot-{key}.tar", home / f"testbed-{key}"

    def make_chroot() -> None:
        if not tarball.exists():
            chroot.make_build_chroot(repository, tarball)

    def make_testbed() -> None:
        if not root.exists():
            chroot.make_testbed_root(repository, root, include=testbed)

    with ThreadPoolExecutor(max_workers=3) as threads:
        running = [
            threads.submit(copy_context().run, job)  # with the step's runner
            for job in (lambda: beside(repository), make_chroot, make_testbed)
        ]
    for job in running:
        job.result()
    return tarball, root


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Use the folder while nobody else prepares a base in it; drop what a kill left half-made."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        wait_for(lock)
        for left in home.glob(".new-*"):
            chroot.remove(left)
        yield


def architecture() -> str:
    """The Debian architecture of this machine; MachineError: dpkg is not installed."""
    return run(["dpkg", "--print-architecture"]).output.strip()


def code_hash(*modules: ModuleType) -> str:
    """A short hash of the code that makes something, and of the scripts beside it."""
    code = [Path(str(module.__file__)) for module in modules]
    files = [file for path in code for file in (path, path.with_suffix(".sh")) if file.is_file()]
    return data_hash([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])


def data_hash(data: object) -> str:
    """A short hash of what JSON can say; paths count as their text."""
    return hashlib.sha256(json.dumps(data, default=str).encode()).hexdigest()[:16]
