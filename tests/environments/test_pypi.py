from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backport.environments import pypi
from backport.errors import InputError, RemoteError
from tests.environments.packages import make_sdist, make_wheel

JSON = "application/vnd.pypi.simple.v1+json"


class Index:
    """A package index on the loopback interface; `faults` are the statuses of its first answers."""

    def __init__(self, faults: list[int], body: bytes) -> None:
        self.faults = faults
        self.asked: list[tuple[str, str]] = []
        self.body = body
        self.url = ""


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


def test_an_index_that_falters_is_asked_again() -> None:
    with index(503, 429) as server:
        assert pypi.resolve("thing", "thing-1.0.tar.gz", index=server.url)
        assert len(server.asked) == 3


def test_a_refusal_is_not_asked_again() -> None:
    with index(403) as server:
        with pytest.raises(RemoteError, match="403"):
            pypi.resolve("thing", "thing-1.0.tar.gz", index=server.url)
        assert len(server.asked) == 1


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


WHEEL = {
    "thing/__init__.py": "",
    "thing/cacert.pem": "old",
    "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.0\nName: Thing\nVersion: 1.0\n",
    "thing-1.0.dist-info/entry_points.txt": (
        "[console_scripts]\nthing = thing.cli:main\nother = thing:other\n"
    ),
    "thing-1.0.data/scripts/raw": "#!python\n",
    "thing-1.0.data/purelib/beside.py": "",
    "thing-1.0.data/headers/thing.h": "",
}


def test_a_wheel_becomes_the_content_of_a_package(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w", WHEEL)
    home = tmp_path / "tree/usr/lib/python2.7/dist-packages"
    pypi.unpack_wheel(wheel, home, "thing.whl")
    pypi.lay_out(
        tmp_path / "tree",
        "usr/lib/python2.7/dist-packages",
        "python-thing",
        ["thing"],
        {"thing/cacert.pem": "/etc/ssl/certs/ca-certificates.crt"},
    )
    files = sorted(
        str(path.relative_to(tmp_path / "tree"))
        for path in (tmp_path / "tree").rglob("*")
        if not path.is_dir()
    )
    lib = "usr/lib/python2.7/dist-packages"
    assert files == [
        "usr/bin/thing",
        f"{lib}/beside.py",
        f"{lib}/thing-1.0.dist-info/METADATA",
        f"{lib}/thing-1.0.dist-info/entry_points.txt",
        f"{lib}/thing/__init__.py",
        f"{lib}/thing/cacert.pem",
        "usr/share/python/dist/python-thing",
    ]
    script = (tmp_path / "tree/usr/bin/thing").read_text()
    assert script.startswith("#!/usr/bin/python2\n")
    assert "from thing.cli import main" in script
    assert (home / "thing/cacert.pem").readlink() == Path("/etc/ssl/certs/ca-certificates.crt")
    note = tmp_path / "tree/usr/share/python/dist/python-thing"
    assert note.read_text() == "Thing python-thing\n"


@pytest.mark.parametrize(
    ("scripts", "links", "said"),
    [(["nothing"], {}, "no script nothing"), ([], {"thing/none": "/x"}, "no file thing/none")],
)
def test_what_the_distribution_does_not_have_is_named(
    tmp_path: Path, scripts: list[str], links: dict[str, str], said: str
) -> None:
    pypi.unpack_wheel(make_wheel(tmp_path / "w", WHEEL), tmp_path / "tree/lib", "thing.whl")
    with pytest.raises(InputError, match=f"^python-thing: it .* {said}"):
        pypi.lay_out(tmp_path / "tree", "lib", "python-thing", scripts, links)


def test_a_template_and_what_it_makes_give_way_to_a_link(tmp_path: Path) -> None:
    files = {**WHEEL, "thing/a.js_t": "template", "thing/a.js": "made"}
    pypi.unpack_wheel(make_wheel(tmp_path / "w", files), tmp_path / "tree/lib", "thing.whl")
    links = {"thing/a.js_t": "/usr/share/javascript/a.js"}
    pypi.lay_out(tmp_path / "tree", "lib", "python-thing", [], links)
    home = tmp_path / "tree/lib/thing"
    assert not (home / "a.js_t").exists()
    assert (home / "a.js").readlink() == Path("/usr/share/javascript/a.js")


def test_a_distribution_without_modules_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(InputError, match="no modules"):
        pypi.lay_out(tmp_path / "tree", "lib", "python-thing", [], {})


@pytest.mark.parametrize("name", ["../escaped.py", "/escaped.py", "x.data/purelib/../../../e.py"])
def test_a_wheel_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    wheel = make_wheel(tmp_path / "w", {name: ""})
    with pytest.raises(InputError, match="leads outside"):
        pypi.unpack_wheel(wheel, tmp_path / "a/b/c", "thing.whl")
    assert not list(tmp_path.rglob("e*.py"))


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("no archive")
    with pytest.raises(InputError, match=r"^thing\.whl: this is not a wheel"):
        pypi.unpack_wheel(tmp_path / "w", tmp_path / "out", "thing.whl")


@pytest.mark.parametrize("name", ["thing-1.0.tar.gz", "thing-1.0.zip"])
def test_an_sdist_is_unpacked_without_its_own_folder(tmp_path: Path, name: str) -> None:
    sdist = make_sdist(tmp_path / name, {"thing-1.0/setup.py": "x", "thing-1.0/a/b.py": "y"})
    pypi.unpack_sdist(sdist, tmp_path / "out", name)
    assert (tmp_path / "out/setup.py").read_text() == "x"
    assert (tmp_path / "out/a/b.py").read_text() == "y"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", name]


@pytest.mark.parametrize(
    "files", [{"thing-1.0/readme": ""}, {"setup.py": ""}, {"a/setup.py": "", "b/setup.py": ""}, {}]
)
def test_an_sdist_without_a_setup_py_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    sdist = make_sdist(tmp_path / "thing-1.0.tar.gz", files)
    with pytest.raises(InputError, match=r"setup\.py"):
        pypi.unpack_sdist(sdist, tmp_path / "out", "thing-1.0.tar.gz")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped-absolutely"])
def test_an_sdist_that_leads_outside_writes_nothing_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    sdist = make_sdist(tmp_path / "in/x.tar.gz", {name: "", "x-1/setup.py": ""})
    try:
        pypi.unpack_sdist(sdist, tmp_path / "in/out", "x.tar.gz")
    except InputError as error:
        assert "cannot unpack" in str(error)
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/escaped-absolutely").exists()


def test_a_damaged_sdist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.tar.gz").write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(InputError, match="cannot unpack"):
        pypi.unpack_sdist(tmp_path / "thing-1.0.tar.gz", tmp_path / "out", "thing-1.0.tar.gz")


def test_two_distributions_in_one_package_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / f"{name}-1.0.egg-info"
        folder.mkdir()
        (folder / "PKG-INFO").write_text(f"Name: {name}\n")
    with pytest.raises(InputError, match="2 distributions"):
        pypi.distribution_name(tmp_path)
