"""Run a command of the toolkit, and write down the most memory that its own process had.

Started as ``python -m tests.bench.measured FILE COMMAND ...``; FILE gets its peak in kB.
"""

from __future__ import annotations

import sys
from pathlib import Path

from backport.cli import main


def peak(process: int | str = "self") -> int:
    """The most memory that a process has had so far, in kB: VmHWM of proc(5)."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    exit_code = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(str(peak()))
    sys.exit(exit_code)
