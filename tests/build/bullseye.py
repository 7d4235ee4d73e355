"""A real build chroot and a real testbed root of Debian bullseye, made once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from backport.engine.process import require, run
from backport.environments.standin import debian_suites
from backport.testbed.host import as_root

SUITE = "bullseye"
IN_CHROOT = ("fakeroot",)
IN_ROOT = ("dbus", "dpkg-dev", "iproute2", "procps", "systemd", "systemd-sysv")


@dataclass(frozen=True)
class Bullseye:
    """The tarball of a build chroot and the root directory of a testbed."""

    chroot: Path
    testbed_root: Path


def bullseye() -> Bullseye:
    """Make both below BACKPORT_TEST_CACHE, or take those that are there."""
    home = Path(os.environ.get("BACKPORT_TEST_CACHE", "~/.cache/backport-tests")).expanduser()
    suites = debian_suites(SUITE)
    key = hashlib.sha256(repr((suites, IN_CHROOT, IN_ROOT)).encode()).hexdigest()[:12]
    folder = home / f"{SUITE}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [suite.line([str(suite.keyring)]) for suite in suites]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        chroot, root = folder / "chroot.tar", folder / "root"
        if not chroot.exists():
            _mmdebstrap("buildd", IN_CHROOT, chroot, lines, [])
        if not root.exists():
            prefix = as_root(["nice"])
            _mmdebstrap("minbase", IN_ROOT, root, lines, prefix)
    return Bullseye(chroot, root)


def _mmdebstrap(
    variant: str, include: tuple[str, ...], target: Path, lines: list[str], prefix: list[str]
) -> None:
    partial = target.with_name(f"new-{target.name}")
    run(as_root(["rm", "-rf", partial]))
    done = run(
        [*prefix, require("mmdebstrap", "mmdebstrap"), "--quiet", f"--variant={variant}",
         f"--include={','.join(include)}", "--dpkgopt=force-unsafe-io", SUITE, partial, *lines],
        timeout=1800,
    )  # fmt: skip
    assert done.exit_code == 0, done.tail(20)
    partial.rename(target)
