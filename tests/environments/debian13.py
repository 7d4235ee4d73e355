"""Debian 13's apt, which checks signatures by sqv, for a machine that has an older one."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from backport.engine.process import require, run
from backport.environments.standin import debian_suites
from backport.testbed.host import as_root

SUITE = "trixie"
_WRAPPER = """\
#!/bin/sh
case $PWD in /tmp/*) ;; *) cd /tmp ;; esac
exec unshare --user --map-root-user --mount sh -c '
mount --rbind /tmp {root}/tmp && exec chroot {root} env -C "$PWD" /usr/bin/{program} "$@"' sh "$@"
"""


def apt_programs(folder: Path) -> Path:
    """A folder of programs that run Debian 13's apt; it sees of this machine /tmp alone."""
    root = _root()
    folder.mkdir()
    for program in ("apt-get", "apt-cache"):
        (folder / program).write_text(_WRAPPER.format(root=root, program=program))
        (folder / program).chmod(0o755)
    return folder


def _root() -> Path:
    """The root directory of a small Debian 13, made below BACKPORT_TEST_CACHE once and kept."""
    home = Path(os.environ.get("BACKPORT_TEST_CACHE", "~/.cache/backport-tests")).expanduser()
    home.mkdir(parents=True, exist_ok=True)
    root = home / f"{SUITE}-apt"
    with (home / f"{SUITE}-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            fresh = root.with_name(f"new-{root.name}")
            run(as_root(["rm", "-rf", fresh]))
            lines = [one.line([str(one.keyring)]) for one in debian_suites(SUITE)]
            words = [require("mmdebstrap", "mmdebstrap"), "--variant=apt", "--include=sqv"]
            done = run(as_root([*words, SUITE, fresh, *lines]), timeout=1800)
            assert done.exit_code == 0, done.tail(20)
            fresh.rename(root)
    return root
