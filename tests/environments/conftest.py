"""A signing key, which takes a moment to make, for the whole session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments.packages import end_agents, export, make_key
from tests.environments.ubuntu_archive import UbuntuArchive


@pytest.fixture(scope="session")
def key_home() -> Iterator[Path]:
    # A short path: the agent's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp") as folder:
        home = Path(folder) / "home"
        make_key(home)
        yield home
        end_agents()


@pytest.fixture
def ring(key_home: Path) -> Path:
    return export(key_home)


@pytest.fixture
def archive(tmp_path: Path, key_home: Path) -> UbuntuArchive:
    return UbuntuArchive(tmp_path / "archive", key_home)
