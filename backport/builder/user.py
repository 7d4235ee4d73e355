"""The ordinary user that builds run as: sbuild's unshare mode refuses root.

The toolkit, run as root, makes the system user ``backport-build`` with a range in /etc/subuid and
/etc/subgid; run as an ordinary user with such ranges, it builds as that user.
"""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path

from backport.engine.process import require, run, wait_for
from backport.errors import MachineError

BUILD_USER = "backport-build"
_SUBUID, _SUBGID = Path("/etc/subuid"), Path("/etc/subgid")
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
    return next((ids for owner, ids in _ranges(file) if owner == name), None)


def free_range(*files: Path) -> SubordinateIds:
    """A range of 65536 numbers above every range that the files give to anybody."""
    ends = [ids.first + ids.count for file in files for _, ids in _ranges(file)]
    return SubordinateIds(max([_FIRST_FREE, *ends]), _RANGE)


def _ranges(file: Path) -> list[tuple[str, SubordinateIds]]:
    lines = file.read_text().splitlines() if file.is_file() else []
    found = [re.fullmatch(r"\s*([^:]+):(\d+):(\d+)\s*", line) for line in lines]
    return [(one[1], SubordinateIds(int(one[2]), int(one[3]))) for one in found if one]


def _free_span() -> str:
    free = free_range(_SUBUID, _SUBGID)
    return f"{free.first}-{free.first + free.count - 1}"


def _of(entry: pwd.struct_passwd, *, switch: bool) -> Builder:
    subuids, subgids = (read_range(file, entry.pw_name) for file in (_SUBUID, _SUBGID))
    if subuids is None or subgids is None or min(subuids.count, subgids.count) < _RANGE:
        span = _free_span()
        raise MachineError(
            f"the user {entry.pw_name} has no range of {_RANGE} subordinate user and group ids",
            where=str(_SUBUID),
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
        span = _free_span()
        for file, option in ((_SUBUID, "--add-subuids"), (_SUBGID, "--add-subgids")):
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
