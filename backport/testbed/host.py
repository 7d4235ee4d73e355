"""What the machine must have for testbeds: programs, a way to root, and control groups.

A container with systemd needs control groups (cgroups(7)). A machine that was booted by systemd
has them; a small virtual machine with an init of its own may not, and is given the second version.

systemd before 232 needs the hierarchy `name=systemd` of the first version, which machines no
longer mount (Debian since 11, Ubuntu since 21.10): on one that has the second version alone, 229
freezes at boot. Its containers are started in a mount namespace that has that hierarchy, and the
devices controller for LXC; the machine itself keeps what it has, and nothing is left mounted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from backport import namespaces
from backport.doctor import Missing, missing_programs
from backport.engine.process import Completed, run
from backport.errors import MachineError

CGROUPS = Path("/sys/fs/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")
_MOUNT = ("mount", "-t", "cgroup2", "cgroup2", str(CGROUPS))
# What systemd before 232 needs of the first version.
_FIRST = frozenset({"name=systemd", "devices"})
_PROGRAMS = ("autopkgtest", "lxc-copy", "lxc-attach", "lxc-config", "setpriv")


def as_root(args: Sequence[str | Path]) -> list[str]:
    """The command, through ``sudo -n`` where this process is not root."""
    words = [str(arg) for arg in args]
    return words if os.geteuid() == 0 else ["sudo", "-n", *words]


def must(args: Sequence[str | Path], *, timeout: float = 60.0) -> Completed:
    """Run a command as root.

    Raises:
        MachineError: it failed, or there is no way to root.
    """
    command = as_root(args)
    done = run(command, timeout=timeout)
    if done.exit_code != 0:
        if command[0] == "sudo" and "password" in done.output:
            raise MachineError(
                "testbeds need root, and sudo asks for a password",
                advice="run: sudo -v, and again; or run the toolkit as root",
            )
        last = done.output.strip().splitlines()[-1:] or [f"exit code {done.exit_code}"]
        raise MachineError(f"{command[0]} {command[1]} failed: {last[0]}", where=" ".join(command))
    return done


_FIRST_VERSION = f"""\
set -e
mount -t tmpfs -o mode=755 cgroup {CGROUPS}
mkdir {CGROUPS}/systemd {CGROUPS}/devices
mount -t cgroup -o none,name=systemd cgroup {CGROUPS}/systemd
mount -t cgroup -o devices cgroup {CGROUPS}/devices
exec "$@"
"""


def with_first_version(args: Sequence[str]) -> list[str]:
    """The command for root that runs another one on control groups of the first version."""
    return namespaces.command(["/bin/sh", "-c", _FIRST_VERSION, "sh", *args])


def first_version_is_mounted() -> bool:
    """Whether this machine itself has the hierarchies that systemd before 232 needs."""
    return hierarchies(_MOUNTS.read_text()) >= _FIRST


def first_version_missing() -> str:
    """Why systemd before 232 cannot run on this machine; "" where it can."""
    if first_version_is_mounted():
        return ""
    done = run(as_root(with_first_version(["true"])))
    if done.exit_code == 0:
        return ""
    refusal = done.output.partition("\n")[0]
    return f"control groups of the first version, for systemd before 232: {refusal}"


def hierarchies(mountinfo: str) -> frozenset[str]:
    """The control groups that are mounted, by the text of /proc/self/mountinfo (proc(5)).

    Those of the first version are named by their mount options, such as ``devices``, and the second
    version at its usual place is ``cgroup2``.
    """
    mounted: set[str] = set()
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ")
        if kind == "cgroup":
            mounted |= {*options.split(",")}
        elif kind == "cgroup2" and left.split()[4] == str(CGROUPS):
            mounted.add(kind)
    return frozenset(mounted)


def cgroups_missing(mountinfo: str) -> bool:
    """Whether containers lack control groups: those of the second version, or two of the first."""
    mounted = hierarchies(mountinfo)
    return "cgroup2" not in mounted and not mounted >= _FIRST


def check(*, old_systemd: bool = False) -> list[Missing]:
    """What this machine lacks for testbeds, each with the command that helps.

    Parameters:
        old_systemd: whether one of them has a systemd before 232.
    """
    why = "tests"
    missing = list(missing_programs(_PROGRAMS))
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            missing.append(Missing("root, or the program sudo", why, "su -"))
        elif run(["sudo", "-n", "true"]).exit_code != 0:
            missing.append(Missing("root: sudo asks for a password", why, "sudo -v"))
    if cgroups_missing(_MOUNTS.read_text()):
        missing.append(Missing("control groups", why, f"sudo {' '.join(_MOUNT)}"))
    elif old_systemd and not missing and (lack := first_version_missing()):
        missing.append(Missing(lack, why, "boot it without cgroup_no_v1, or use --base stand-in"))
    return missing


def prepare_host() -> None:
    """Mount the control groups where they are missing, until the next boot.

    Raises:
        MachineError: the mount is refused.
    """
    if cgroups_missing(_MOUNTS.read_text()):
        must(_MOUNT)
