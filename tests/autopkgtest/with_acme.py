"""Run a script of the package tests, or of their own tests, with python-acme 0.10.2.

    with_acme.py SCRIPT ARGUMENTS...

It finds the modules of the package tests, which are Python 2.7, and those beside this file.
"""

from __future__ import annotations

import collections.abc
import runpy
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (".venv/acme-0.10", "autopkgtest/lib", "autopkgtest/matrix/matrix_lib")

if __name__ == "__main__":
    # What was in `collections` until Python 3.9.
    for old in ("Hashable", "Mapping", "Sequence"):
        setattr(collections, old, getattr(collections.abc, old))
    # Later versions of cryptography warn of what python-acme calls.
    warnings.simplefilter("ignore")
    sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
