"""Suites of archives, as apt's sources name them (sources.list(5))."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backport.errors import MachineError

MIRROR_VARIABLE = "BACKPORT_DEBIAN_MIRROR"
"""The environment variable that names another mirror of Debian than deb.debian.org.

It is the address of the folder that has ``debian`` and ``debian-security``.
"""

DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Suite:
    """One suite of an archive, and the keyring that its signature is checked with.

    `keyring` None is for a local repository that is trusted as it is.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    keyring: Path | None

    def line(self, keys: Sequence[str] = ()) -> str:
        """The sources.list line.

        Parameters:
            keys: fingerprints; of all keys that apt trusts only these count.
        """
        option = f"[signed-by={','.join(keys)}] " if keys else ""
        option = "[trusted=yes] " if self.keyring is None else option
        return f"deb {option}{self.uri} {self.suite} {' '.join(self.components)}".strip()


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
