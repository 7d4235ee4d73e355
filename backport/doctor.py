"""What this machine lacks, the command that installs it, and what works without."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from backport.system_packages import PROGRAMS

PARTS = {
    "source packages": (),
    "builds": ("source packages",),
    "checks": ("builds",),
    "tests": ("builds",),
    "evidence": ("checks", "tests"),
    "uploads": ("source packages",),
}
"""What a machine is for, and what of that has to work before."""


@dataclass(frozen=True)
class Missing:
    """Something that the machine lacks: `what`, and the `command` to run.

    `why` is what does not work without it: one or several of `PARTS`, perhaps with more behind a
    colon.
    """

    what: str
    why: str
    command: str


def missing_programs(among: Collection[str] = ()) -> Iterator[Missing]:
    """The programs that are not installed, of those in `among` or of all."""
    for program, package, why in PROGRAMS:
        if (not among or program in among) and shutil.which(program) is None:
            yield Missing(f"the program {program}", why, f"sudo apt install {package}")


def missing_room(folder: Path, gigabytes: float = 6.0) -> Iterator[Missing]:
    """Whether a cold run has room below `folder`: chroots, packages and logs."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < gigabytes:
        yield Missing(
            f"room: {free:.1f} GB free in {existing}",
            f"builds: a cold run needs {gigabytes:.0f} GB",
            "backport clean --older-than 0, or name another folder with --work",
        )


def missing_memory(gigabytes: float = 2.0) -> Iterator[Missing]:
    """Whether a chroot and what is built in it have memory."""
    free = memory_available() / 1e9
    if free < gigabytes:
        yield Missing(
            f"memory: {free:.1f} GB available",
            f"builds: they need {gigabytes:.0f} GB",
            "end other programs, or use a larger machine",
        )


def has_memory_for_a_system() -> bool:
    """Whether a chroot or clone, of about 1 GiB, may be in memory: several run at once."""
    return memory_available() > 6 * 2**30


def memory_available() -> int:
    """The bytes of memory that programs could still take (proc(5), MemAvailable)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def verdict(missing: Collection[Missing]) -> str:
    """One line: what works on a machine that lacks this, and what does not."""
    lacking = {part for one in missing for part in one.why.partition(":")[0].split(", ")}
    broken: list[str] = []
    for part, needs in PARTS.items():
        if part in lacking or not set(needs).isdisjoint(broken):
            broken.append(part)
    working = ", ".join(part for part in PARTS if part not in broken)
    if not broken:
        return f"This machine has all that a run needs: {working}."
    return f"What works here: {working or 'nothing'}. What does not: {', '.join(broken)}."
