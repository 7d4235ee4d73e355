"""The machine's processes, looked at in /proc (proc(5)), and a wait for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def eventually(what: str, holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Look until it holds; fail at the end of the time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not seen in {seconds:.0f} s: {what}"
        time.sleep(0.01)


def started(pid: int) -> str:
    """Field 22 of /proc/PID/stat; "" where there is no such process, or a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def command_line(pid: int | str) -> list[str]:
    """The words of a process; none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def running(*words: str) -> list[int]:
    """The processes of the machine whose command is that, in these very words."""
    pids = (path.name for path in Path("/proc").glob("[0-9]*"))
    return [int(pid) for pid in pids if command_line(pid) == [*words]]
