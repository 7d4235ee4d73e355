"""The modules of the study's package tests, which are Python 2.7 too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.autopkgtest import support

LIBRARY = Path(__file__).resolve().parents[1] / "autopkgtest" / "study_lib"


def library(name: str) -> Any:
    """Import a module of the study's tests, or of those of the update."""
    if str(LIBRARY) not in sys.path:
        sys.path.insert(0, str(LIBRARY))
    return support.library(name)
