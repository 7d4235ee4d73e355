"""A signing key, which takes a moment to make, for the whole session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments.packages import Archive, end_agents, make_key


@pytest.fixture(scope="session", autouse=True)
def agents() -> Iterator[None]:
    """No agent of a test's key outlives the tests."""
    yield
    end_agents()


@pytest.fixture(scope="session")
def key_home() -> Iterator[Path]:
    # A short path: the agent's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp") as folder:
        home = Path(folder) / "home"
        make_key(home)
        yield home


@pytest.fixture
def archive(tmp_path: Path, key_home: Path) -> Archive:
    return Archive(tmp_path / "archive", key_home)
