"""Debian 13's apt, which checks signatures by sqv, for a machine that has an older one."""

from __future__ import annotations

from pathlib import Path

from tests.support.systems import home, made_once

SUITE = "trixie"
_WRAPPER = """\
#!/bin/sh
case $PWD in /tmp/*) ;; *) cd /tmp ;; esac
exec unshare --user --map-root-user --mount sh -c '
mount --rbind /tmp {root}/tmp && exec chroot {root} env -C "$PWD" /usr/bin/{program} "$@"' sh "$@"
"""


def apt_programs(folder: Path) -> Path:
    """A folder of programs that run Debian 13's apt; it sees of this machine /tmp alone."""
    options = ("--variant=apt", "--include=sqv")
    root = made_once(home() / f"{SUITE}-apt", SUITE, *options)
    folder.mkdir()
    for program in ("apt-get", "apt-cache"):
        (folder / program).write_text(_WRAPPER.format(root=root, program=program))
        (folder / program).chmod(0o755)
    return folder
