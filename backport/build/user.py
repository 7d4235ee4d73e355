"""The ordinary user that builds run as: sbuild's unshare mode refuses root.

The toolkit, run as root, makes the system user ``backport-build`` with a range in /etc/subuid and
/etc/subgid; run as an ordinary user with such ranges, it builds as that user.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from backport.engine.process import require, run
from backport.environments.systems import wait_for
from backport.errors import MachineError

BUILD_USER = "backport-build"
_RANGE = 65536
_FIRST_FREE = 1_000_000
_LOCK = Path("/run/backport-build.lock")


@dataclass(frozen=True)
class SubordinateIds:
    """A range of user or group numbers that a user may map (subuid(5))."""

    first: int
    count: int


@dataclass(frozen=True)
class Builder:
    """Who runs sbuild. `switch` says that the toolkit is root and has to become this user."""

    name: str
    uid: int
    gid: int
    subuids: SubordinateIds
    subgids: SubordinateIds
    switch: bool


def find_builder() -> Builder:
    """The user that builds run as; root makes that user where it is not there yet.

    Raises:
        MachineError: an ordinary user without subordinate ids; the advice gives them to it.
    """
    if os.geteuid() == 0:
        return _of(_make_build_user(), switch=True)
    return _of(pwd.getpwuid(os.geteuid()), switch=False)


def read_range(file: Path, name: str) -> SubordinateIds | None:
    """The first range of the user `name` in /etc/subuid or /etc/subgid (subuid(5))."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.strip().split(":")
        if len(fields) == 3 and fields[0] == name and fields[1].isdigit() and fields[2].isdigit():
            return SubordinateIds(int(fields[1]), int(fields[2]))
    return None


def free_range(*files: Path) -> SubordinateIds:
    """A range of 65536 numbers above every range that the files give to anybody."""
    end = _FIRST_FREE
    for file in files:
        for line in file.read_text().splitlines() if file.is_file() else ():
            fields = line.strip().split(":")
            if len(fields) == 3 and fields[1].isdigit() and fields[2].isdigit():
                end = max(end, int(fields[1]) + int(fields[2]))
    return SubordinateIds(end, _RANGE)


def _of(entry: pwd.struct_passwd, *, switch: bool) -> Builder:
    subuids = read_range(Path("/etc/subuid"), entry.pw_name)
    subgids = read_range(Path("/etc/subgid"), entry.pw_name)
    if subuids is None or subgids is None or min(subuids.count, subgids.count) < _RANGE:
        free = free_range(Path("/etc/subuid"), Path("/etc/subgid"))
        span = f"{free.first}-{free.first + free.count - 1}"
        raise MachineError(
            f"the user {entry.pw_name} has no range of {_RANGE} subordinate user and group ids",
            where="/etc/subuid",
            advice=f"run: sudo usermod --add-subuids {span} --add-subgids {span} {entry.pw_name}",
        )
    return Builder(entry.pw_name, entry.pw_uid, entry.pw_gid, subuids, subgids, switch)


def _make_build_user() -> pwd.struct_passwd:
    # Two first runs at once would take the same free range. Only root writes to /run.
    with _LOCK.open("w") as lock:
        wait_for(lock)
        try:
            entry = pwd.getpwnam(BUILD_USER)
        except KeyError:
            _must(
                require("useradd", "passwd"), "--system", "--user-group", "--no-create-home",
                "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", BUILD_USER,
            )  # fmt: skip
            entry = pwd.getpwnam(BUILD_USER)
        subuid, subgid = Path("/etc/subuid"), Path("/etc/subgid")
        free = free_range(subuid, subgid)
        span = f"{free.first}-{free.first + free.count - 1}"
        for file, option in ((subuid, "--add-subuids"), (subgid, "--add-subgids")):
            if read_range(file, BUILD_USER) is None:
                _must(require("usermod", "passwd"), option, span, BUILD_USER)
    return entry


def _must(*command: str) -> None:
    done = run(command)
    if done.exit_code != 0:
        raise MachineError(
            f"the system user {BUILD_USER} could not be made: {done.tail(1)}",
            advice=f"run it by hand: {' '.join(command)}",
        )
