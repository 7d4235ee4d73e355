"""What is said where something cannot be written: the disk is full, or the folder is closed."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backport.errors import MachineError

_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|You don't have enough free space", re.IGNORECASE
)
_NOTHING = 2**20
_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def lacking(output: str) -> bool:
    """Whether a program said that the disk is full."""
    return bool(_FULL.search(output))


def used_up(folder: Path) -> bool:
    """Whether the disk that has `folder` is full; not every program says why it failed."""
    return shutil.disk_usage(folder).free < _NOTHING


def full(folder: Path | str) -> MachineError:
    """The error for a full disk that has `folder`."""
    return MachineError(
        "the disk is full",
        where=str(folder),
        advice="free some room, or name folders on another disk with --work and --cache",
    )


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn what the system says of a file that cannot be written into one sentence.

    Parameters:
        folder: what is named where the system names no file.

    Raises:
        MachineError: the disk is full, or may not be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NUMBERS:
            raise
        where = error.filename if isinstance(error.filename, str) else str(folder)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full(where) from error
        raise MachineError(
            f"this cannot be written ({error.strerror})",
            where=where,
            advice="name folders of your own with --work and --cache",
        ) from error
