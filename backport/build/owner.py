"""Whose a working folder is: a note that tells the folder of a live run from a killed one's."""

from __future__ import annotations

import json
import os
from pathlib import Path

from backport import atomic
from backport.engine.process import boot, start_time


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
    start = start_time(int(facts.get("pid", "0") or "0"))
    return start is not None and start == facts.get("start") and facts.get("boot") == boot()
