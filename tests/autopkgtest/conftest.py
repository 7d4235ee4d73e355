from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.autopkgtest.support import Client

WITH_ACME = [sys.executable, "-B", str(Path(__file__).with_name("with_acme.py"))]


@dataclass(frozen=True)
class Ca:
    """A running stand-in CA, and the directory whose files it serves for http-01."""

    port: int
    webroot: Path

    def client(self) -> Client:
        """A client with a key of its own."""
        return Client(self.port)


@pytest.fixture
def start_ca(tmp_path: Path) -> Iterator[Callable[..., Ca]]:
    running = []

    def start(**attributes: object) -> Ca:
        attributes.setdefault("webroot", str(tmp_path))
        words = [word for name, one in attributes.items() for word in (f"--{name}", repr(one))]
        process = subprocess.Popen(
            [*WITH_ACME, "ca", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        running.append(process)
        assert process.stdout is not None
        return Ca(int(process.stdout.readline()), tmp_path)

    yield start
    for process in running:
        assert process.communicate(timeout=60)[0] == b""


@pytest.fixture
def ca(start_ca: Callable[..., Ca]) -> Ca:
    return start_ca()
