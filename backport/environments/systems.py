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

from backport.engine.process import require, run, wait_for
from backport.environments import chroot, localrepo
from backport.environments.localrepo import Repository
from backport.environments.mirror import Pool

REQUIRED, BUILD, TESTBED = "required", "build", "testbed"
"""The groups of a pool that the systems are made from; `mirror.collect` finds the first."""


class Systems:
    """The systems of one base below `home`.

    Parameters:
        pool: the packages, in the groups REQUIRED, BUILD and TESTBED.
        home: the folder that keeps what was made.
        origin: the base's name, for the repository that they are made from.
        epoch: seconds since 1970, for that repository's date.
        include: packages of the testbed beside `chroot.TESTBED_PACKAGES`.
        groups: further groups of the pool that the repository has.
    """

    def __init__(
        self,
        pool: Pool,
        home: Path,
        *,
        origin: str,
        epoch: int,
        include: Sequence[str] = (),
        groups: Sequence[str] = (),
    ) -> None:
        names = (REQUIRED, BUILD, TESTBED, *groups)
        debs = sorted({deb for name in names for deb in pool.groups[name]})
        self.repository: Repository = localrepo.publish(
            debs, home / "system", origin=f"{origin}-system", epoch=epoch
        )
        made_by = code_hash(chroot, localrepo)
        key = data_hash([self.repository.folder.name, made_by])
        self.chroot = home / f"chroot-{key}.tar"
        self.testbed_root = home / f"testbed-{key}"
        self._include = tuple(include)

    def make(self, *others: Callable[[], object]) -> None:
        """Make what is not there, and do `others`, all side by side.

        Raises:
            StepError: mmdebstrap failed. MachineError: a program is missing, or the disk is full.
        """
        with ThreadPoolExecutor(max_workers=len(others) + 2) as threads:
            running = [
                threads.submit(copy_context().run, job)  # with the step's runner
                for job in (*others, self._make_chroot, self._make_testbed)
            ]
        for job in running:
            job.result()

    def _make_chroot(self) -> None:
        if not self.chroot.exists():
            chroot.make_build_chroot(self.repository.path, self.chroot)

    def _make_testbed(self) -> None:
        if not self.testbed_root.exists():
            chroot.make_testbed_root(self.repository.path, self.testbed_root, include=self._include)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Use the folder while nobody else prepares a base in it; drop what a kill left half-made."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        wait_for(lock)
        for left in home.glob(".new-*"):
            chroot.remove(left)
        yield


def architecture() -> str:
    """The Debian architecture of this machine.

    Raises:
        MachineError: dpkg is not installed.
    """
    return run([require("dpkg", "dpkg"), "--print-architecture"]).output.strip()


def code_hash(*modules: ModuleType) -> str:
    """A short hash of the code that makes something."""
    files = [Path(str(module.__file__)) for module in modules]
    return data_hash([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])


def data_hash(data: object) -> str:
    """A short hash of what JSON can say; paths count as their text."""
    return hashlib.sha256(json.dumps(data, default=str).encode()).hexdigest()[:16]
