"""Files and links that appear whole: written aside, then moved into their place by one rename."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, text: str, *, mode: int = 0o644) -> Path:
    """Write a file, and the folders above it; a reader sees the old text or the new one.

    Line ends stay as they are. Where this fails, nothing is left behind.

    Parameters:
        mode: its permissions.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    aside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(mode)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return path


def link(path: Path, target: str | Path) -> None:
    """Let the symbolic link `path` lead to `target`; there is one at every moment."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.link")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(path)
