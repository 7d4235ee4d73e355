"""Files and links that appear whole: written aside, then moved into their place by one rename."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write(path: Path, text: str, *, mode: int | None = None) -> Path:
    """Write a file, and the folders above it; a reader sees the old text or the new one.

    Line ends stay as they are. Where this fails, nothing is left behind.

    Parameters:
        mode: its permissions (None: what the umask leaves).

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            aside.chmod(mode)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return path


def swap(new: Path, place: Path, older: Path) -> None:
    """Put the folder `new` in its place; one that is there goes to `older`."""
    if place.exists():
        place.rename(older)
    new.rename(place)


def link(path: Path, target: str | Path) -> None:
    """Let the symbolic link `path` lead to `target`; there is one at every moment."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.link")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(path)
