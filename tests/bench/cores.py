"""How busy the cores are, by the kernel's counters in /proc/stat (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_CORE = re.compile(r"(?m)^cpu\d+ (.*)$")


class Ticks(NamedTuple):
    """What one core has done since the start of the machine, in clock ticks."""

    idle: int
    all: int


def read(text: str | None = None) -> list[Ticks]:
    """The counters of each core; waiting for a disk counts as idle."""
    cores = []
    for line in _CORE.findall(text if text is not None else Path("/proc/stat").read_text()):
        # user nice system idle iowait irq softirq steal; guests are part of user and nice.
        numbers = [int(word) for word in line.split()[:8]]
        cores.append(Ticks(sum(numbers[3:5]), sum(numbers)))
    return cores


def idle_shares(before: Sequence[Ticks], after: Sequence[Ticks]) -> list[float]:
    """The share of the time between two readings in which each core had nothing to do."""
    return [
        (end.idle - start.idle) / max(1, end.all - start.all)
        for start, end in zip(before, after, strict=True)
    ]
