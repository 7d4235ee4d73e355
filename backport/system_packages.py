"""The programs that the toolkit runs, with the Debian packages that have them.

The list, data/system-packages.txt, is the one that scripts/install installs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from backport.errors import MachineError


def _programs(file: Path) -> tuple[tuple[str, str, str], ...]:
    """Each program of the list, with its package and what does not work without it."""
    rows = (line.split(maxsplit=2) for line in file.read_text("utf-8").splitlines())
    return tuple(
        (program, package, why)
        for package, programs, why in (row for row in rows if row and row[0] != "#")
        for program in programs.split(",")
        if program != "-"
    )


PROGRAMS = _programs(Path(__file__).parent / "data" / "system-packages.txt")
"""Each program with its package, and what does not work without it; `dput` looks for its own."""


def require(program: str) -> str:
    """The path of `program`, which is in the list or has the name of its package.

    Raises:
        MachineError: it is not installed; the advice names its Debian package.
    """
    path = shutil.which(program)
    if path is None:
        package = next((package for name, package, _ in PROGRAMS if name == program), program)
        raise MachineError(
            f"the program {program} is not installed", advice=f"run: sudo apt install {package}"
        )
    return path
