from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backport.environments import pypi
from backport.errors import InputError, RemoteError

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class Index:
    """A package index on the loopback interface; `faults` are the statuses of its first answers."""

    faults: list[int]
    body: bytes
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def index(*faults: int, body: bytes | None = None) -> Iterator[Index]:
    listing = {
        "name": "thing",
        "files": [
            {"filename": "thing-1.0.tar.gz", "url": "../../files/ab/thing-1.0.tar.gz"},
            {"filename": "thing-1.0-py2-none-any.whl", "url": "https://files.example.org/t.whl"},
        ],
    }
    state = Index(list(faults), json.dumps(listing).encode() if body is None else body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers["Accept"]))
            status = state.faults.pop(0) if state.faults else 200
            if self.path != "/simple/thing/":
                status = 404
            self.send_response(status)
            self.end_headers()
            if status == 200:
                self.wfile.write(state.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/simple"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def test_a_file_is_found_by_its_name() -> None:
    with index() as server:
        root = server.url.removesuffix("/simple")
        wheel = pypi.resolve("Thing", "thing-1.0-py2-none-any.whl", index=server.url)
        sdist = pypi.resolve("thing", "thing-1.0.tar.gz", index=server.url)
        assert server.asked[0] == ("/simple/thing/", JSON)
    assert wheel == "https://files.example.org/t.whl"
    assert sdist == f"{root}/files/ab/thing-1.0.tar.gz"


@pytest.mark.parametrize(("faults", "asked"), [((503, 429), 3), ((403,), 1)])
def test_an_index_that_falters_is_asked_again_and_one_that_refuses_is_not(
    faults: tuple[int, ...], asked: int
) -> None:
    with index(*faults) as server:
        if 403 in faults:
            with pytest.raises(RemoteError, match="403"):
                pypi.resolve("thing", "thing-1.0.tar.gz", index=server.url)
        else:
            assert pypi.resolve("thing", "thing-1.0.tar.gz", index=server.url)
        assert len(server.asked) == asked


def test_a_file_that_the_project_does_not_have_is_named() -> None:
    with index() as server, pytest.raises(InputError, match=r"no file thing-1\.1\.tar\.gz"):
        pypi.resolve("thing", "thing-1.1.tar.gz", index=server.url)


@pytest.mark.parametrize("body", [b"<html></html>", b"{}", b"[]"])
def test_an_index_that_does_not_answer_in_json_is_named(body: bytes) -> None:
    with index(body=body) as server, pytest.raises(RemoteError, match="PEP 691"):
        pypi.resolve("thing", "thing-1.0.tar.gz", index=server.url)


@pytest.mark.parametrize("url", ["http://index.example.org/simple", "file:///srv/simple"])
def test_an_index_without_https_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="https"):
        pypi.resolve("thing", "thing-1.0.tar.gz", index=url)


def test_the_index_is_the_one_that_pip_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple/")
    pypi.index_url.cache_clear()
    try:
        assert pypi.index_url() == "https://index.example.org/simple"
        monkeypatch.delenv("PIP_INDEX_URL")
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        pypi.index_url.cache_clear()
        assert pypi.index_url().startswith("https://")
        assert "example.org" not in pypi.index_url()
    finally:
        pypi.index_url.cache_clear()
