"""New namespaces for a program, by system call; this file is itself run, as a program.

It does what unshare(1) does. Ubuntu has an AppArmor profile for /usr/bin/unshare since 25.04
(unshare-userns-restrict), which takes every capability from what that starts, root's too; so
neither it nor what it starts could mount anything. Needs nothing but Python's own library.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# From linux/sched.h, linux/mount.h, linux/prctl.h and linux/capability.h.
_NEW_MOUNTS, _NEW_USERS, _NEW_PIDS, _NEW_NETWORK = 0x20000, 0x10000000, 0x20000000, 0x40000000
_NEW_HOST_NAME, _NEW_IPC = 0x4000000, 0x8000000
_PRIVATE_AND_BELOW = 0x40000 | 0x4000
_NO_SUID_DEVICES_PROGRAMS = 0x2 | 0x4 | 0x8
_PARENT_DEATH, _AMBIENT, _AMBIENT_RAISE = 1, 47, 2
_CAPABILITIES_3 = 0x20080522


@dataclass(frozen=True)
class Range:
    """`count` user or group ids, from `inside` on in the namespace, from `outside` on without."""

    inside: int
    outside: int
    count: int = 1


def command(
    args: Sequence[str],
    *,
    users: Sequence[Range] = (),
    groups: Sequence[Range] = (),
    root_inside: bool = False,
    keep_capabilities: bool = False,
    network: bool = True,
    processes: bool = True,
    end_with_caller: bool = False,
) -> list[str]:
    """The command that runs another one in a new mount namespace, where no mount is shared.

    Parameters:
        users, groups: what is mapped into a new user namespace; none is made without them. Root
            maps any ids, and AppArmor limits nobody who is root (see docs/hosts.md).
        root_inside: become root of the user namespace.
        keep_capabilities: let the command have all capabilities in the user namespace, as a user
            who is not its root (capabilities(7), ambient).
        network: stay in the network; without it, not even a loopback interface is up, and the
            host name and the System V IPC are its own too.
        processes: stay with all processes; without it the command is process 1 of its own, with
            a /proc of its own, and every process in there ends with it and with its parent.
        end_with_caller: end when the caller ends.
    """
    options = {
        "users": [(one.inside, one.outside, one.count) for one in users],
        "groups": [(one.inside, one.outside, one.count) for one in groups],
        "root_inside": root_inside,
        "keep_capabilities": keep_capabilities,
        "network": network,
        "processes": processes,
        "end_with_caller": end_with_caller,
    }
    return [sys.executable, "-I", "-S", __file__, json.dumps(options), "--", *args]


def _main() -> int:
    options, args = json.loads(sys.argv[1]), sys.argv[3:]
    if options["end_with_caller"]:
        _call("prctl", _PARENT_DEATH, int(signal.SIGKILL))
    if options["users"]:
        _enter_user_namespace(options["users"], options["groups"])
    new = _NEW_MOUNTS
    new |= 0 if options["network"] else _NEW_NETWORK | _NEW_HOST_NAME | _NEW_IPC
    new |= 0 if options["processes"] else _NEW_PIDS
    _call("unshare", new)
    _call("mount", b"none", b"/", None, _PRIVATE_AND_BELOW, None)
    if options["root_inside"]:
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    if options["keep_capabilities"]:
        _keep_capabilities()
    if options["processes"]:
        os.execvp(args[0], args)
    child = os.fork()
    if child == 0:
        _call("prctl", _PARENT_DEATH, int(signal.SIGKILL))
        _call("mount", b"proc", b"/proc", b"proc", _NO_SUID_DEVICES_PROGRAMS, None)
        os.execvp(args[0], args)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the child, which shares the terminal
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def _enter_user_namespace(users: Sequence[list[int]], groups: Sequence[list[int]]) -> None:
    """Make one; who may map ids has to be outside: root, else newuidmap(1)."""
    process = os.getpid()
    entered, is_entered = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(is_entered)
        os.read(entered, 1)
        for kind, ranges in (("uid", users), ("gid", groups)):
            lines = [" ".join(map(str, one)) for one in ranges]
            if os.geteuid() == 0:
                Path(f"/proc/{process}/{kind}_map").write_text("\n".join(lines))
            else:
                numbers = " ".join(lines).split()
                subprocess.run([f"new{kind}map", str(process), *numbers], check=True)
        os._exit(0)
    _call("unshare", _NEW_USERS)
    os.close(is_entered)
    if os.waitpid(helper, 0)[1] != 0:
        raise OSError("the ids cannot be mapped")


def _keep_capabilities() -> None:
    """Make what is permitted inheritable and ambient: a user's programs then have it too."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    _call("capget", header, sets)
    sets[2], sets[5] = sets[1], sets[4]
    _call("capset", header, sets)
    permitted = sets[1] | sets[4] << 32
    for number in range(permitted.bit_length()):
        if permitted >> number & 1:
            _call("prctl", _AMBIENT, _AMBIENT_RAISE, number, 0, 0)


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library; OSError: it says that it failed."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    try:
        sys.exit(_main())
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"no namespaces: {error}")
