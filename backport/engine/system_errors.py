"""What the system refuses, such as to write on a full disk: one sentence, and exit code 5."""

from __future__ import annotations

import errno
import os
import re
import signal
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from backport.engine import verdict
from backport.engine.verdict import Verdict
from backport.errors import MachineError

_OTHER_DISK = "free some room, or name folders on another disk with --work and --cache"
_OWN_FOLDER = "name folders of your own with --work and --cache"
_REFUSALS = {
    errno.ENOSPC: ("the disk is full", _OTHER_DISK),
    errno.EDQUOT: ("the disk is full", _OTHER_DISK),
    errno.EIO: ("the disk has a fault", _OTHER_DISK),
    errno.EFBIG: ("a file would be larger than is allowed", "run: ulimit -f unlimited"),
    errno.EROFS: ("this can only be read", _OWN_FOLDER),
    errno.EACCES: ("permission denied", _OWN_FOLDER),
    errno.EPERM: ("this is not permitted", _OWN_FOLDER),
    errno.ENOTDIR: ("a file is where a folder has to be", _OWN_FOLDER),
    errno.EEXIST: ("a file is where a folder has to be", _OWN_FOLDER),
    errno.EISDIR: ("a folder is where a file has to be", _OWN_FOLDER),
    errno.ENAMETOOLONG: ("the name is too long", _OWN_FOLDER),
    errno.ELOOP: ("this is a link that leads nowhere", _OWN_FOLDER),
    errno.EMFILE: ("too many files are open", "run: ulimit -n 4096"),
    errno.ENFILE: ("too many files are open", "end some programs"),
    errno.ENOMEM: ("the memory is full", "end some programs"),
    errno.EAGAIN: ("too many programs run", "end some, or run: ulimit -u unlimited"),
}
# As programs say it (strerror(3), apt).
_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|You don't have enough free space", re.IGNORECASE
)
_TOO_LARGE = re.compile(r"File too large|File size limit exceeded")
# The signal of a file that would be larger than RLIMIT_FSIZE, as Python and as shells tell it.
_KILLED_BY_SIZE = {-signal.SIGXFSZ, 128 + signal.SIGXFSZ}
_NOTHING = 2**20
_TAIL = 2**14


@contextmanager
def refusals(where: Path | str = "") -> Iterator[None]:
    """Turn what the system refuses into an error of ours; other errors stay as they are.

    Parameters:
        where: what is named where the system names no file.

    Raises:
        MachineError: what was refused, and what to do.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        what, advice = _REFUSALS[error.errno]
        named = error.filename if isinstance(error.filename, str) else str(where)
        raise MachineError(what, where=named, advice=advice) from error


def full(folder: Path | str) -> MachineError:
    """The error for a full disk that has `folder`."""
    return MachineError("the disk is full", where=str(folder), advice=_OTHER_DISK)


def refuse_full(output: str, folder: Path | str) -> None:
    """Stop where a program said that the disk is full that has `folder`.

    Raises:
        MachineError: it said so.
    """
    if _FULL.search(output):
        raise full(folder)


def used_up(folder: Path | str) -> bool:
    """Whether the disk that has `folder` is full; not every program says why it failed."""
    disk = os.statvfs(folder)
    no_file = disk.f_files > 0 and disk.f_favail == 0
    return disk.f_bavail * disk.f_frsize < _NOTHING or no_file


def behind(reason: Verdict, folder: Path, exit_codes: Collection[int] = ()) -> MachineError | None:
    """The refusal of the system that made a step fail; None where the step itself failed.

    The disk may have room again by now, so the ends of the step's logs count too.

    Parameters:
        folder: the step's.
        exit_codes: how its programs ended.
    """
    words = [verdict.text(reason)]
    for path in sorted(folder.glob("*log")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as log:
                log.seek(max(0, path.stat().st_size - _TAIL))
                words.append(log.read(_TAIL).decode("utf-8", "replace"))
    text = "\n".join(words)
    for place in (folder, tempfile.gettempdir()):
        if used_up(place):
            return full(place)
    if _FULL.search(text):
        return full(folder)
    if _TOO_LARGE.search(text) or not _KILLED_BY_SIZE.isdisjoint(exit_codes):
        what, advice = _REFUSALS[errno.EFBIG]
        return MachineError(what, where=str(folder), advice=advice)
    return None
