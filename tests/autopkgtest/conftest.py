from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import Client, library


@dataclass(frozen=True)
class Ca:
    """A running stand-in CA, a web server on its http-01 port, and the files of that."""

    server: Any
    webroot: Path

    def client(self) -> Client:
        """A client with a key of its own."""
        return Client(self.server.port)


@pytest.fixture
def webroot(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    root = tmp_path / "webroot"
    root.mkdir()
    server = library("webroot_server").WebrootServer(str(root))
    server.start()
    yield root, server.port
    server.stop()


@pytest.fixture
def start_ca(webroot: tuple[Path, int]) -> Iterator[Callable[..., Ca]]:
    running = []

    def start(**options: Any) -> Ca:
        server = library("acme_v1_ca").Server(http_01_port=webroot[1], **options)
        server.start()
        running.append(server)
        return Ca(server, webroot[0])

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def ca(start_ca: Callable[..., Ca]) -> Ca:
    return start_ca()
