from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from backport.errors import HashMismatchError, InputError, RemoteError
from backport.recipe.model import Upstream
from backport.source.fetch import fetch, fetch_upstream
from tests.support.file_server import Cut, FileServer, Status

BODY = b"0123456789" * 20_000


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def get(server: FileServer, cache: Path, **options: object) -> Path:
    server.files["/a.tar.gz"] = BODY
    return fetch(
        f"{server.url}/a.tar.gz",
        sha(BODY),
        cache,
        name="a.tar.gz",
        **options,  # type: ignore[arg-type]
    )


def test_a_file_is_kept_below_its_hash(server: FileServer, tmp_path: Path) -> None:
    path = get(server, tmp_path)
    assert path == tmp_path / "sha256" / sha(BODY) / "a.tar.gz"
    assert path.read_bytes() == BODY
    assert files_below(tmp_path) == [path]


def test_a_wrong_hash_keeps_nothing_and_names_both(server: FileServer, tmp_path: Path) -> None:
    server.files["/a"] = b"other"
    with pytest.raises(HashMismatchError) as caught:
        fetch(f"{server.url}/a", sha(BODY), tmp_path, name="a")
    assert sha(BODY) in str(caught.value)
    assert sha(b"other") in str(caught.value)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("fault", [Cut(70_000), Status(503)])
def test_a_passing_fault_is_tried_again(
    server: FileServer, tmp_path: Path, fault: Cut | Status
) -> None:
    server.faults = [fault]
    assert get(server, tmp_path).read_bytes() == BODY
    assert len(server.requests) == 2


def test_a_refusal_is_final(server: FileServer, tmp_path: Path) -> None:
    server.faults = [Status(404)]
    with pytest.raises(RemoteError, match="404"):
        get(server, tmp_path)
    assert len(server.requests) == 1
    assert files_below(tmp_path) == []


def test_offline_only_the_cache_is_asked(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="not in the cache"):
        get(server, tmp_path, offline=True)
    assert server.requests == []
    assert get(server, tmp_path) == get(server, tmp_path, offline=True)
    assert len(server.requests) == 1


def test_a_damaged_cached_file_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    path = get(server, tmp_path)
    path.write_bytes(BODY[:-1] + b"!")
    assert get(server, tmp_path).read_bytes() == BODY
    assert len(server.requests) == 2


def test_a_local_file_is_copied_and_checked(tmp_path: Path) -> None:
    local = tmp_path / "a.tar.gz"
    local.write_bytes(BODY)
    path = fetch(str(local), sha(BODY), tmp_path / "cache", name="a.tar.gz", offline=True)
    assert path.read_bytes() == BODY
    local.write_bytes(b"changed")
    assert path.read_bytes() == BODY
    with pytest.raises(HashMismatchError):
        fetch(str(local), sha(b"!"), tmp_path / "cache", name="a.tar.gz")


def test_a_missing_local_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no-such-file: there is no such file"):
        fetch(str(tmp_path / "no-such-file"), sha(BODY), tmp_path / "cache", name="a")


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".hidden"])
def test_a_name_that_leaves_the_cache_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no name for a fetched file"):
        fetch(str(tmp_path), sha(BODY), tmp_path / "cache", name=name)


def test_a_project_on_the_index_is_resolved_once(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = {"files": [{"filename": "acme-1.tar.gz", "url": "../../files/acme-1.tar.gz"}]}
    server.files = {"/simple/acme/": json.dumps(listing).encode(), "/files/acme-1.tar.gz": BODY}
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    upstream = Upstream("acme-1.tar.gz", sha(BODY), pypi="acme")
    with pytest.raises(RemoteError, match="network may not be used"):
        fetch_upstream(upstream, tmp_path, offline=True)
    assert server.requests == []
    first = fetch_upstream(upstream, tmp_path)
    assert fetch_upstream(upstream, tmp_path, offline=True) == first
    assert server.requests == ["/simple/acme/", "/files/acme-1.tar.gz"]
