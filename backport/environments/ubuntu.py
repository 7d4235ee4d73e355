"""The base `ubuntu`: a series' own archive, the one that users have."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from backport.environments import chroot, localrepo, mirror, systems
from backport.environments.base import Dependencies, PreparedBase
from backport.environments.private_apt import Suite
from backport.errors import MachineError, RecipeError
from backport.recipe.model import Series

KEYRING = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
KEYRING_VARIABLE = "BACKPORT_UBUNTU_KEYRING"
"""The environment variable that names another keyring file."""

COMPONENTS = ("main", "universe")
_POCKETS = ("", "-updates", "-security")
# The archive's signing key of 2012, the only one of zesty; its own signature is made with SHA1.
_OLD_KEYS = ("790BC7277767219C42C86F933B4FE6ACC0B21F32",)
_ADDRESS = re.compile(r"https?://[^\s\[\]]+")


class Ubuntu:
    """The archive that the recipe names as a series' mirror, with updates and security.

    Parameters:
        keyring: the keys that the archive's Release files are verified with; without it the file
            that BACKPORT_UBUNTU_KEYRING names, else the one of the package ubuntu-keyring.
        old_keys: fingerprints of the archive's keys whose own signature may be made with SHA1.
        as_of: the day that the archive is looked at, None for now: of the update's own packages
            only those that the recipe's versions of that day made are taken.
        offline: download nothing.
    """

    kind = "ubuntu"

    def __init__(
        self,
        keyring: Path | None = None,
        *,
        old_keys: Sequence[str] = _OLD_KEYS,
        as_of: date | None = None,
        offline: bool = False,
    ) -> None:
        self.keyring = keyring or Path(os.environ.get(KEYRING_VARIABLE) or KEYRING).absolute()
        self._old_keys = tuple(old_keys)
        self._as_of = as_of
        self._offline = offline

    def inputs(self, series: Series) -> dict[str, str]:
        """See `Base`."""
        return {
            "mirror": series.mirror,
            "code": systems.code_hash(chroot, systems, sys.modules[__name__]),
            "older": systems.data_hash(self._of_sources(series)),
        }

    def check_keyring(self) -> None:
        """Look whether there is a keyring to verify the archive with.

        Raises:
            MachineError: there is none.
        """
        if not self.keyring.is_file():
            # Debian has that package from 13 on, and in bookworm-backports.
            raise MachineError(
                "the Ubuntu archive's keyring is missing",
                where=str(self.keyring),
                advice=(
                    "run: sudo apt install ubuntu-keyring (on Debian 12 it is in "
                    f"bookworm-backports), let {KEYRING_VARIABLE} name a keyring file, "
                    "or use --base stand-in"
                ),
            )

    def prepare(
        self, series: Series, dependencies: Dependencies, out: Path, cache: Path
    ) -> PreparedBase:
        """See `Base`; RecipeError: the recipe names no address of the series' archive."""
        if not _ADDRESS.fullmatch(series.mirror):
            raise RecipeError(
                f"{series.mirror!r} is no address of an archive",
                where=f"series.{series.name}.mirror",
                advice="write one that begins with http:// or https://, or use --base stand-in",
            )
        self.check_keyring()
        suites = [
            Suite(series.mirror.rstrip("/"), f"{series.name}{pocket}", COMPONENTS, self.keyring)
            for pocket in _POCKETS
        ]
        home = out / self.kind / series.name
        elsewhere = dependencies.elsewhere(series.name)
        with systems.locked(home):
            pool = mirror.collect(
                suites,
                systems.groups(dependencies),
                home,
                architecture=systems.architecture(),
                cache=cache,
                if_there={
                    systems.OLDER: dependencies.own - elsewhere,
                    systems.ELSEWHERE: elsewhere,
                },
                of_sources=self._of_sources(series),
                take_keys=self._old_keys,
                offline=self._offline,
            )
            tarball, root = systems.make(pool, home)
            debs, older = systems.of_series(pool, dependencies, series.name)
            repository = localrepo.publish(sorted(debs), home / "base")
            before = localrepo.publish(sorted(older), home / "older") if older else None
        return PreparedBase(
            kind=self.kind,
            suite=f"Ubuntu {series.version} {series.name}",
            repository=repository,
            chroot=tarball,
            testbed_root=root,
            older=before,
            notes=pool.notes,
        )

    def _of_sources(self, series: Series) -> dict[str, str] | None:
        """The source packages that the series had on the recipe's day; None for no such day."""
        if self._as_of is None:
            return None
        return {source: published.version for source, published in series.archive.items()}
