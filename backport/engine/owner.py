"""Whose a working folder is: a note tells the folder of a live run from a killed one's."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backport import atomic
from backport.engine.process import boot, start_time

NOTE = ".owner.json"


def claim(note: Path, **facts: str) -> None:
    """Write the note that says that this process owns what lies beside it.

    `facts` are further lines for whoever cleans up, read back by `read`.
    """
    data = {"pid": os.getpid(), "start": start_time(os.getpid()), "boot": boot(), **facts}
    atomic.write(note, json.dumps(data) + "\n")


def read(note: Path) -> dict[str, str] | None:
    """What `claim` wrote, or None where there is no such note."""
    try:
        data = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else None


def is_alive(facts: dict[str, str]) -> bool:
    """Whether the process that wrote the note still runs (and not another one of its number)."""
    pid = facts.get("pid", "")
    start = start_time(int(pid)) if pid.isdecimal() else None
    return start is not None and start == facts.get("start") and facts.get("boot") == boot()


@contextmanager
def temporary(prefix: str) -> Iterator[Path]:
    """A folder in the machine's own temporary folder; a later run removes it after a kill."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        claim(folder / NOTE)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def left_temporary() -> list[Path]:
    """The folders of `temporary` that killed processes of this user left."""
    return [
        note.parent
        for note in sorted(Path(tempfile.gettempdir()).glob(f"*/{NOTE}"))
        if not note.parent.is_symlink()
        and note.parent.stat().st_uid == os.geteuid()
        and (facts := read(note)) is not None
        and not is_alive(facts)
    ]
