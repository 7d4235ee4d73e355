"""Namespaces around a build: no network, mounts that end with it, no process that outlives it.

Everything that a build touches is bound to a short path of the machine's own temporary folder,
because the root user of an unshared chroot is a subordinate id: it may not walk through a home
folder that is closed to others. These mounts are seen by the build only, and the kernel takes
them away with its last process, also after a kill -9.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backport.build.user import Builder
from backport.engine.process import require


@dataclass(frozen=True)
class Bind:
    """A file or folder of the machine, and the name that it has below the stage."""

    source: Path
    name: str


def command(builder: Builder, script: Path) -> list[str]:
    """The command that runs a shell script in namespaces of its own.

    As root the script starts as root and has to step down (see `step_down`); as an ordinary user
    it starts as that user, with the capabilities of a new user namespace. Network: none, not even
    the loopback interface is up. When the caller dies, the kernel ends every process inside
    (setpriv(1) --pdeathsig, unshare(1) --kill-child).

    Raises:
        MachineError: setpriv, unshare or newuidmap is not installed.
    """
    require("newuidmap", "uidmap")
    unshare = [require("unshare", "util-linux"), *_maps(builder)]
    flags = ["--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child"]
    setpriv = [require("setpriv", "util-linux"), "--pdeathsig", "KILL", "--"]
    return [*setpriv, *unshare, *flags, "--mount-proc", "/bin/sh", str(script)]


def step_down(builder: Builder) -> str:
    """Shell words before a command that has to run as the build user.

    It keeps the two capabilities that newuidmap needs inside a user namespace, where its setuid
    bit means nothing, and no other.
    """
    if builder.switch:
        return f"setpriv --reuid {builder.uid} --regid {builder.gid} --init-groups --"
    keep = "-all,+setuid,+setgid"
    return f"setpriv --inh-caps={keep} --ambient-caps={keep} --"


def stage_script(
    stage: Path, binds: Sequence[Bind], own: Sequence[str], builder: Builder, *, size: str
) -> str:
    """The part of the script that lays out the stage.

    Parameters:
        stage: an empty folder that everybody may walk through.
        binds: what is to be seen below the stage.
        own: folders to make there, for the build user; they are in memory.
        size: what the folders in memory may take at most (tmpfs(5)).
    """
    owner = f"uid={builder.uid},gid={builder.gid}" if builder.switch else ""
    options = ",".join(word for word in ("mode=0755", f"size={size}", owner) if word)
    lines = [f"mount -t tmpfs -o {options} backport-build {shlex.quote(str(stage))}"]
    for name in own:
        lines.append(f"mkdir -m 0755 {shlex.quote(str(stage / name))}")
        if builder.switch:
            lines.append(f"chown {builder.uid}:{builder.gid} {shlex.quote(str(stage / name))}")
    for bind in binds:
        target = shlex.quote(str(stage / bind.name))
        make = "mkdir" if bind.source.is_dir() else "touch"
        lines.append(f"{make} {target}")
        lines.append(f"mount --bind {shlex.quote(str(bind.source))} {target}")
    return "\n".join(lines) + "\n"


def chroot_shell(builder: Builder, chroot: Path, words: Sequence[str]) -> list[str]:
    """The command that runs another one as root of a kept chroot; network: none."""
    script = (
        'set -e; root=$1; shift; mount --rbind /dev "$root/dev"; '
        'mount -t proc proc "$root/proc"; exec chroot "$root" "$@"'
    )
    unshare = [require("unshare", "util-linux"), *_range_maps(builder), "--setuid", "0"]
    flags = ["--setgid", "0", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    inner = [*unshare, *flags, "--", "/bin/sh", "-c", script, "sh", str(chroot), *words]
    if not builder.switch:
        return inner
    become = ["setpriv", "--reuid", str(builder.uid), "--regid", str(builder.gid), "--init-groups"]
    return [*become, "--", *inner]


def remover(builder: Builder, folder: Path) -> list[str]:
    """The command with which an ordinary user removes a folder and the chroots in it."""
    users, groups = builder.subuids, builder.subgids
    return [
        require("unshare", "util-linux"),
        "--user",
        "--map-root-user",
        f"--map-users={users.first},1,{users.count}",
        f"--map-groups={groups.first},1,{groups.count}",
        "rm",
        "-rf",
        str(folder),
    ]


def _maps(builder: Builder) -> list[str]:
    """Every id under its own number: files keep their owners in the new user namespace."""
    if builder.switch:
        return []
    users, groups = builder.subuids, builder.subgids
    return [
        "--user",
        "--map-current-user",
        f"--map-users={users.first},{users.first},{users.count}",
        f"--map-groups={groups.first},{groups.first},{groups.count}",
        "--keep-caps",
    ]


def _range_maps(builder: Builder) -> list[str]:
    users, groups = builder.subuids, builder.subgids
    return [
        "--user",
        f"--map-users={users.first},0,{users.count}",
        f"--map-groups={groups.first},0,{groups.count}",
    ]
