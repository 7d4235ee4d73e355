"""A place for a small run, and one on Ubuntu's own archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sru import scenes
from tests.sru.runs import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def ubuntu(place: Place) -> Place:
    return scenes.place(place)
