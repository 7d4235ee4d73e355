from __future__ import annotations

import json

import pytest

from backport.errors import InputError, RemoteError
from backport.source import pypi
from tests.support.raw_server import HEAD, RawServer

LISTING = {
    "name": "thing",
    "files": [
        {"filename": "thing-1.0.tar.gz", "url": "../../files/ab/thing-1.0.tar.gz"},
        {"filename": "thing-1.0-py2-none-any.whl", "url": "https://files.example.org/t.whl"},
    ],
}


def resolve(name: str, answer: bytes = HEAD + json.dumps(LISTING).encode()) -> str:
    """The place of a file in an index with that answer, by ROOT where it is in the index."""
    with RawServer([answer]) as server:
        found = pypi.resolve("Thing", name, index=f"{server.url}simple")
        assert server.connections == 1
        return found.replace(server.url, "ROOT/")


def test_a_file_is_found_by_its_name() -> None:
    assert resolve("thing-1.0-py2-none-any.whl") == "https://files.example.org/t.whl"
    assert resolve("thing-1.0.tar.gz") == "ROOT/files/ab/thing-1.0.tar.gz"


@pytest.mark.parametrize(
    ("name", "answer", "error", "said"),
    [
        ("thing-1.1.tar.gz", HEAD + json.dumps(LISTING).encode(), InputError, "no file thing-1.1"),
        ("thing-1.0.tar.gz", HEAD + b"<html></html>", RemoteError, "PEP 691"),
        ("thing-1.0.tar.gz", HEAD + b"{}", RemoteError, "PEP 691"),
        ("thing-1.0.tar.gz", HEAD + b"[]", RemoteError, "PEP 691"),
        ("thing-1.0.tar.gz", b"HTTP/1.1 403 No\r\n\r\n", RemoteError, "it answered 403 No"),
    ],
)
def test_a_file_that_is_not_there_or_another_answer_is_refused(
    name: str, answer: bytes, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        resolve(name, answer)


@pytest.mark.parametrize("url", ["http://index.example.org/simple", "file:///srv/simple"])
def test_an_index_without_https_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="https"):
        pypi.resolve("thing", "thing-1.0.tar.gz", index=url)
