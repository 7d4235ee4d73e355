"""What the machine must have for testbeds: programs, a way to root, and control groups.

A container with systemd needs control groups (cgroups(7)). A machine that was booted by systemd
has them; a small virtual machine with an init of its own may not, and can be given them.

systemd before 232 needs the hierarchy `name=systemd` of the first version, which machines no
longer mount (Debian since 11, Ubuntu since 21.10): on one that has the second version alone, 229
freezes at boot. Its containers are started in a mount namespace that has that hierarchy, and the
devices controller for LXC; the machine itself keeps what it has, and nothing is left mounted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backport import namespaces
from backport.doctor import Missing, missing_programs
from backport.engine.process import Completed, as_root, run
from backport.errors import MachineError

CGROUPS = Path("/sys/fs/cgroup")
_PROGRAMS = ("autopkgtest", "lxc-copy", "lxc-attach", "lxc-config", "setpriv")


@dataclass(frozen=True)
class Mount:
    """A line of /proc/self/mountinfo (proc(5)), as far as it matters here."""

    point: str
    kind: str
    options: frozenset[str]


def must(args: Sequence[str | Path], *, timeout: float = 60.0) -> Completed:
    """Run a command as root.

    Raises:
        MachineError: it failed, or there is no way to root.
    """
    command = as_root(args)
    done = run(command, timeout=timeout)
    if done.exit_code != 0:
        if os.geteuid() != 0 and "password" in done.output:
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
    mounts = read_mounts(Path("/proc/self/mountinfo").read_text())
    options = {option for mount in mounts if mount.kind == "cgroup" for option in mount.options}
    return {"name=systemd", "devices"} <= options


def first_version_missing() -> str:
    """Why systemd before 232 cannot run on this machine; "" where it can."""
    if first_version_is_mounted():
        return ""
    done = run(as_root(with_first_version(["true"])))
    if done.exit_code == 0:
        return ""
    refusal = done.output.partition("\n")[0]
    return f"control groups of the first version, for systemd before 232: {refusal}"


def read_mounts(mountinfo: str) -> tuple[Mount, ...]:
    """The mounts in the text of /proc/self/mountinfo."""
    mounts = []
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        if separator and len(left.split()) >= 5 and len(right.split()) >= 3:
            kind, _, options = right.split()[:3]
            mounts.append(Mount(left.split()[4], kind, frozenset(options.split(","))))
    return tuple(mounts)


def cgroups_missing(mounts: Sequence[Mount]) -> str:
    """What containers lack of control groups, in words; "" where they are there.

    Either the unified hierarchy is mounted at /sys/fs/cgroup, or the named hierarchy of systemd
    and the devices controller are mounted below it.
    """
    if any(mount.kind == "cgroup2" and mount.point == str(CGROUPS) for mount in mounts):
        return ""
    legacy = [mount.options for mount in mounts if mount.kind == "cgroup"]
    lacking = [
        name
        for name, option in (("systemd", "name=systemd"), ("devices", "devices"))
        if not any(option in options for options in legacy)
    ]
    if not legacy:
        return "no control groups are mounted"
    return f"control groups are mounted without: {', '.join(lacking)}" if lacking else ""


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
    if lack := _cgroups_missing_now():
        commands = cgroup_commands(_controllers())
        steps = "; ".join("sudo " + " ".join(words) for words in commands)
        missing.append(Missing(lack, why, steps))
    elif old_systemd and not missing and (lack := first_version_missing()):
        missing.append(Missing(lack, why, "boot it without cgroup_no_v1, or use --base stand-in"))
    return missing


def prepare_host() -> None:
    """Mount the control groups where they are missing, until the next boot.

    Raises:
        MachineError: a mount is refused.
    """
    mounts = read_mounts(Path("/proc/self/mountinfo").read_text())
    if not cgroups_missing(mounts):
        return
    there = {mount.point for mount in mounts}
    for words in cgroup_commands(_controllers()):
        if words[0] == "mount" and words[-1] in there:
            continue
        done = run(as_root(words))
        if done.exit_code != 0 and words[-1] == str(CGROUPS):
            must(words)
        # A controller that the unified hierarchy holds cannot be mounted on its own.
    if _cgroups_missing_now():
        must(["mount", "-t", "cgroup2", "cgroup2", CGROUPS])
    if left := _cgroups_missing_now():
        raise MachineError(f"{left}, and mounting them did not help", where=str(CGROUPS))


def _cgroups_missing_now() -> str:
    return cgroups_missing(read_mounts(Path("/proc/self/mountinfo").read_text()))


def cgroup_commands(controllers: Sequence[str]) -> list[list[str]]:
    """The commands that mount every controller, systemd's hierarchy and the unified one."""
    commands = [["mount", "-t", "tmpfs", "-o", "mode=755", "cgroup", str(CGROUPS)]]
    hierarchies = [(name, "cgroup", name) for name in controllers]
    hierarchies += [("systemd", "cgroup", "none,name=systemd"), ("unified", "cgroup2", "")]
    for name, kind, options in hierarchies:
        point = str(CGROUPS / name)
        commands.append(["mkdir", "-p", point])
        chosen = ["-o", options] if options else []
        commands.append(["mount", "-t", kind, *chosen, kind, point])
    return commands


def _controllers() -> list[str]:
    """The controllers that the kernel has for the first version (cgroups(7), /proc/cgroups)."""
    try:
        lines = Path("/proc/cgroups").read_text().splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines if not line.startswith("#")]
    return [row[0] for row in rows if len(row) == 4 and row[3] == "1"]
