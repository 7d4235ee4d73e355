"""The examples in docstrings show what is so."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("backport", "study")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ">>> " in path.read_text() and "autopkgtest" not in path.relative_to(ROOT / folder).parts[:1]
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0
