"""A file server for the tests that fetch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.file_server import FileServer, serve


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A file server on loopback, reached without a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        with serve() as state:
            yield state
