"""What the tests of the package tests share: where those are, and how their modules are run."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
AUTOPKGTEST = ROOT / "autopkgtest"
LIBRARY = AUTOPKGTEST / "lib"
MATRIX_LIBRARY = AUTOPKGTEST / "matrix" / "matrix_lib"
WITH_ACME = [sys.executable, "-B", str(HERE / "with_acme.py")]


def library(name: str) -> Any:
    """Import a module of the tests, or of the matrix: untyped, since it is Python 2.7 too."""
    for folder in (str(LIBRARY), str(MATRIX_LIBRARY)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return importlib.import_module(name)


def session(name: str, webroot: Path) -> Any:
    """What a session of `acme_sessions` has seen, with a CA of its own."""
    command = [*WITH_ACME, str(HERE / "acme_sessions.py"), name, str(webroot)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)
    return json.loads(done.stdout)


def result(code: int = 0, err: str = "", out: str = "", late: bool = False) -> Any:
    """How a process of a race ended."""
    return library("renewals").Result(["certbot", "-q", "renew"], code, out, err, 1.5, late)


def race(reason: str = "due", count: int = 4, **changes: Any) -> Any:
    """What is seen of a race when all is well, with changes."""
    renewals = library("renewals")
    new = 1 if reason == "due" else count
    seen = {
        "case": renewals.Case(reason, "webroot", "own"),
        "results": [result()] * count,
        "before": [1],
        "after": list(range(1, new + 2)),
        "issued": new,
        "lineage": [],
    }
    return renewals.Race(**{**seen, **changes})
