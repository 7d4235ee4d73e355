"""Run a script of the package tests, which is Python 2.7, with python-acme 0.10.2 here.

    with_acme.py SCRIPT ARGUMENTS...
    with_acme.py ca [--NAME VALUE]...

The second form is the CA with these attributes, until its standard input ends; it prints its port.
"""

from __future__ import annotations

import ast
import collections.abc
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / ".venv" / "acme-0.10"


def serve(words: list[str]) -> None:
    """Be the CA."""
    import acme_ca  # noqa: PLC0415

    ca = acme_ca.Server()
    for name, value in zip(words[::2], words[1::2], strict=True):
        setattr(ca, name.removeprefix("--"), ast.literal_eval(value))
    ca.start()
    print(ca.port, flush=True)
    sys.stdin.read()
    ca.stop()


if __name__ == "__main__":
    # What was in `collections` until Python 3.9.
    for old in ("Hashable", "Mapping", "Sequence"):
        setattr(collections, old, getattr(collections.abc, old))
    sys.path[:1] = [str(PACKAGES), str(ROOT / "autopkgtest" / "lib")]
    if sys.argv[1] == "ca":
        serve(sys.argv[2:])
    else:
        sys.argv = sys.argv[1:]
        runpy.run_path(sys.argv[0], run_name="__main__")
