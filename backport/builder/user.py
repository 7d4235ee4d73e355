"""The ordinary user whose subordinate ids builds run as: no build is root on this machine.

The toolkit, run as root, has useradd(8) make the system user ``backport-build`` with a range in
/etc/subuid and /etc/subgid; run as an ordinary user with such ranges, it builds as that user.
"""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path

from backport.engine.process import run
from backport.errors import MachineError
from backport.namespaces import Range

BUILD_USER = "backport-build"
_SUBUID, _SUBGID = Path("/etc/subuid"), Path("/etc/subgid")
_RANGE = 65536


@dataclass(frozen=True)
class Builder:
    """Who runs sbuild. `switch` says that the toolkit is root and has to become this user.

    `subuids` and `subgids` are the ids that he may map, each under its own number (subuid(5)).
    """

    name: str
    uid: int
    gid: int
    subuids: Range
    subgids: Range
    switch: bool


def find_builder() -> Builder:
    """The user that builds run as; root makes that user where it is not there yet.

    Raises:
        MachineError: an ordinary user without subordinate ids; the advice gives them to it.
    """
    if os.geteuid() == 0:
        return _of(_make_build_user(), switch=True)
    return _of(pwd.getpwuid(os.geteuid()), switch=False)


def read_range(file: Path, name: str) -> Range | None:
    """The first range of the user `name` in /etc/subuid or /etc/subgid (subuid(5))."""
    text = file.read_text() if file.is_file() else ""
    line = re.search(rf"(?m)^{re.escape(name)}:(\d+):(\d+)\s*$", text)
    return Range(int(line[1]), int(line[1]), int(line[2])) if line else None


def _of(entry: pwd.struct_passwd, *, switch: bool) -> Builder:
    subuids, subgids = (read_range(file, entry.pw_name) for file in (_SUBUID, _SUBGID))
    if subuids is None or subgids is None or min(subuids.count, subgids.count) < _RANGE:
        span = "1000000-1065535"
        raise MachineError(
            f"the user {entry.pw_name} has no range of {_RANGE} subordinate user and group ids",
            where=str(_SUBUID),
            advice=f"run: sudo usermod --add-subuids {span} --add-subgids {span} {entry.pw_name} "
            "(or with another range, if somebody has that one)",
        )
    return Builder(entry.pw_name, entry.pw_uid, entry.pw_gid, subuids, subgids, switch)


def _make_build_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(BUILD_USER)
    except KeyError:
        command = (
            "useradd", "--system", "--add-subids-for-system", "--user-group",
            "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin",
            BUILD_USER,
        )  # fmt: skip
        done = run(command)
    try:  # it is there too where another run has just made it
        return pwd.getpwnam(BUILD_USER)
    except KeyError as error:
        raise MachineError(
            f"the system user {BUILD_USER} could not be made: {done.tail(1)}",
            advice=f"run it by hand: {' '.join(command)}",
        ) from error
