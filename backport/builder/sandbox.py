"""Namespaces around a build: no network, mounts that end with it, no process that outlives it.

Everything that a build touches is bound to a short path of the machine's own temporary folder,
because the root user of an unshared chroot is a subordinate id: it may not walk through a home
folder that is closed to others. These mounts are seen by the build only, and the kernel takes
them away with its last process, also after a kill -9.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from backport import namespaces
from backport.builder.user import Builder, find_builder
from backport.doctor import Missing, missing_programs
from backport.engine.process import run
from backport.errors import MachineError
from backport.namespaces import Range

_PROGRAMS = ("newuidmap", "setpriv", "ip")
# Ubuntu's since 23.10 (AppArmor), and Debian's up to 10: what an ordinary user needs of them.
_SETTINGS = {
    "kernel.apparmor_restrict_unprivileged_userns": 0,
    "kernel.unprivileged_userns_clone": 1,
}


def command(builder: Builder, script: Path) -> list[str]:
    """The command that runs a shell script in namespaces of its own.

    As root the script starts as root; as an ordinary user it starts as that user, with the
    capabilities of a new user namespace. Network: none, not even the loopback interface is up. When
    the caller dies, the kernel ends every process inside.

    Raises:
        MachineError: setpriv or newuidmap is not installed.
    """
    for missing in missing_programs(_PROGRAMS):
        raise MachineError(f"{missing.what} is not installed", advice=f"run: {missing.command}")
    return inside(builder, ["/bin/sh", str(script)])


def inside(builder: Builder, args: Sequence[str]) -> list[str]:
    """The command that runs another one in these namespaces, as `command` does a script."""
    make = partial(namespaces.command, args, network=False, processes=False, end_with_caller=True)
    if builder.switch:
        return make()
    # Every id under its own number: files keep their owners in the new user namespace.
    return make(
        users=[Range(builder.uid, builder.uid), builder.subuids],
        groups=[Range(builder.gid, builder.gid), builder.subgids],
        keep_capabilities=True,
    )


def check() -> list[Missing]:
    """What this machine lacks for builds, with the command that helps; a mount is tried."""
    if missing := list(missing_programs(_PROGRAMS)):
        return missing
    trial = ["mount", "-t", "tmpfs", "trial", "/mnt"]
    if os.geteuid() == 0:  # the build user is made when it is needed
        done = run(namespaces.command(trial))
    else:
        try:
            done = run(inside(find_builder(), trial))
        except MachineError as error:
            return [Missing(error.what, "builds", error.advice.removeprefix("run: "))]
    if done.exit_code == 0:
        return []
    refusal = done.output.partition("\n")[0]
    return [Missing(f"mounts in a namespace of its own: {refusal}", "builds", _permit())]


def require_all() -> None:
    """Refuse to begin what `check` says cannot end well.

    Raises:
        MachineError: something is missing.
    """
    for missing in check():
        raise MachineError(
            f"builds need more of this machine: {missing.what}", advice=f"run: {missing.command}"
        )


def _permit() -> str:
    """The command that lets an ordinary user mount in a user namespace."""
    for setting, value in _SETTINGS.items():
        file = Path("/proc/sys", setting.replace(".", "/", 1))
        if file.is_file() and file.read_text().strip() != str(value):
            return f"sudo sysctl -w {setting}={value}"
    return "su -, and run the toolkit as root"


def script(
    builder: Builder,
    stage: Path,
    binds: Mapping[str, Path],
    words: Sequence[str | Path],
    *,
    before: str = "",
    after: str = "",
) -> str:
    """The script for `command` that runs another command as root of the build user's ids.

    Parameters:
        stage: an empty folder that everybody may walk through; its folder ``chroot`` is for one.
        binds: the files and folders that are to be seen below the stage, by their names there.
        words: the command.
        before, after: lines of shell; those after it find its exit code in `status`.
    """
    lines = [f"set -eu\numask 022\nunset TMPDIR\n{before}mount -t tmpfs -o mode=0755,size=1m"
             f" backport-build {shlex.quote(str(stage))}"]  # fmt: skip
    if "chroot" not in binds:
        lines.append(f"mkdir {shlex.quote(str(stage / 'chroot'))}")
    for name, source in binds.items():
        target = shlex.quote(str(stage / name))
        make = "mkdir" if source.is_dir() else "touch"
        lines.append(f"{make} {target}")
        lines.append(f"mount --bind {shlex.quote(str(source))} {target}")
    inside = as_root_inside(builder, [str(word) for word in words])
    # A user keeps the two capabilities that newuidmap needs in a user namespace, where its setuid
    # bit means nothing.
    keep = "-all,+setuid,+setgid"
    step_down = f"setpriv --inh-caps={keep} --ambient-caps={keep} -- "
    lines.append(
        f"status=0\n{'' if builder.switch else step_down}{shlex.join(inside)} || status=$?"
    )
    # sh stays until then: it is process 1 of the sandbox.
    return "\n".join(lines) + f"\n{after}exit $status\n"


def chroot_shell(builder: Builder, chroot: Path, words: Sequence[str]) -> list[str]:
    """The command that runs another one as root of a kept chroot; network: none."""
    script = (
        'set -e; root=$1; shift; mount --rbind /dev "$root/dev"; '
        'mount -t proc proc "$root/proc"; exec chroot "$root" "$@"'
    )
    return as_root_inside(builder, ["/bin/sh", "-c", script, "sh", str(chroot), *words])


def as_root_inside(builder: Builder, words: Sequence[str]) -> list[str]:
    """The command that runs another one as root of the build user's subordinate ids; no network."""
    return namespaces.command(
        words,
        users=[replace(builder.subuids, inside=0)],
        groups=[replace(builder.subgids, inside=0)],
        root_inside=True,
        network=False,
        processes=False,
    )
