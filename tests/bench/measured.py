"""Run a command of the toolkit, and write down the most memory that its own process had.

Started as ``python -m tests.bench.measured FILE COMMAND ...``; FILE gets VmHWM (proc(5)) in kB.
"""

from __future__ import annotations

import sys
from pathlib import Path

from backport.cli import main

if __name__ == "__main__":
    exit_code = main(sys.argv[2:])
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM:"))
    Path(sys.argv[1]).write_text(peak)
    sys.exit(exit_code)
