"""The login: once in the browser, kept where nobody else reads it, and never printed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from backport.errors import InputError, MachineError, RemoteError
from backport.launchpad.api import credentials
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.credentials import FilePlace, place
from backport.launchpad.api.errors import RefusedError
from backport.launchpad.api.login import session
from tests.launchpad.conftest import QUICK
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_ppa import Login, Ppas
from tests.support.upload_server.case import SECRET, TOKEN, write_credentials

# A browser that goes to the page and leaves: webbrowser(3) runs what BROWSER names.
BROWSER = """\
#!{python}
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=10).read()
"""


@dataclass
class Place:
    """A login page, a browser, and a file for the token."""

    standin: StandIn
    login: Login
    file: FilePlace
    cache: Path

    def open(self, *, person: bool = True, seconds: float = 5.0) -> str:
        """Log in; the name of the account."""
        made = session(
            self.standin.root,
            self.cache,
            limits=QUICK,
            kept_in=self.file,
            person=person,
            login_seconds=seconds,
        )
        try:
            return str(made.me.name)
        finally:
            made._browser._connection.close()


@pytest.fixture
def here(
    world: World, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    browser = tmp_path / "browser"
    browser.write_text(BROWSER.format(python=sys.executable))
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setattr("webbrowser._tryorder", None)
    Ppas(world).person("tester")
    yield Place(standin, Login(world), FilePlace(tmp_path / "home" / "credentials"), tmp_path / "c")


def test_the_browser_is_opened_once_and_the_token_is_in_the_kept_file_alone(
    here: Place, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert here.open() == "tester"
    assert here.open(person=False) == "tester"

    assert here.login.pages_seen == ["request1"]
    assert stat.S_IMODE(here.file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(here.file.path.parent.stat().st_mode) == 0o700
    said = capfd.readouterr()
    assert "/+authorize-token?oauth_token=request1" in said.err
    assert said.out == ""
    for secret in (here.login.token, *here.login.secrets):
        assert secret not in said.err
        assert not any(secret in request for request in here.standin.requests)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    secret_bytes = here.login.secret.encode()
    assert [path for path in files if secret_bytes in path.read_bytes()] == [here.file.path]


@pytest.mark.parametrize(
    ("answer", "said"),
    [("decline", "the login was declined in the browser"), ("", "not answered within 0 s")],
)
def test_a_login_that_is_declined_or_not_answered_keeps_nothing(
    here: Place, answer: str, said: str
) -> None:
    here.login.answer = answer

    with pytest.raises(RemoteError, match=said):
        here.open(seconds=0.3 if not answer else 5.0)
    assert not here.file.path.exists()


def test_without_a_token_and_without_a_person_nobody_is_asked(here: Place) -> None:
    with pytest.raises(MachineError, match="no login for Launchpad here") as caught:
        here.open(person=False)
    assert "BACKPORT_LAUNCHPAD_CREDENTIALS" in caught.value.advice
    assert here.login.pages_seen == []


def test_a_token_that_launchpad_refuses_is_made_anew_with_a_person_only(here: Place) -> None:
    here.open()
    assert here.standin.world.tokens is not None
    here.standin.world.tokens.clear()

    with pytest.raises(RefusedError, match="does not accept the login kept in") as caught:
        here.open(person=False)
    assert here.login.token not in str(caught.value)
    assert "remove" not in str(caught.value)
    assert here.open() == "tester"
    assert len(here.login.pages_seen) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", "request-token", status=503), "Launchpad answered 503"),
        (Fault("reset", "request-token"), "broke off the connection"),
        (Fault("html", "request-token"), "cannot be understood"),
        (Fault("status", "access-token", status=500), "Launchpad answered 500"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_fault_at_the_login_is_one_sentence(here: Place, fault: Fault, said: str) -> None:
    here.standin.faults.add(fault)

    with pytest.raises(RemoteError, match=said):
        here.open()
    assert not here.file.path.exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = write_credentials(tmp_path / "c", "http://127.0.0.1:9/")
    file.chmod(mode)

    with pytest.raises(InputError, match=rf"others may read these .*mode {mode:04o}") as caught:
        FilePlace(file).load("http://127.0.0.1:9/")
    assert "chmod 600" in caught.value.advice
    assert TOKEN not in str(caught.value)


def test_a_token_is_not_sent_to_another_root(tmp_path: Path) -> None:
    file = write_credentials(tmp_path / "c", "http://127.0.0.1:9/")

    with pytest.raises(InputError, match=r"are for http://127.0.0.1:9/, and http://127.0.0.1:8/"):
        FilePlace(file).load("http://127.0.0.1:8/")
    # launchpadlib's own file names none, and counts for production only.
    file.write_text(file.read_text().replace("service_root = http://127.0.0.1:9/\n", ""))
    assert TOKEN in FilePlace(file).load("https://api.launchpad.net/")
    with pytest.raises(InputError, match=r"are for https://api.launchpad.net/"):
        FilePlace(file).load("https://api.staging.launchpad.net/")


@pytest.mark.parametrize("text", ["", "no such thing", "[1]\nconsumer_key = a\n", f"[1]\n{SECRET}"])
def test_a_damaged_file_is_told_without_its_text(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c"
    file.write_text(text)
    file.chmod(0o600)

    with pytest.raises(InputError, match="no file of Launchpad credentials") as caught:
        FilePlace(file).load("http://127.0.0.1:9/")
    assert SECRET not in str(caught.value)
    # It may be another program's.
    assert caught.value.advice.startswith("name another file with BACKPORT_LAUNCHPAD_CREDENTIALS")


def test_a_folder_or_another_users_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no plain file"):
        FilePlace(tmp_path).load("http://127.0.0.1:9/")
    if os.geteuid() == 0:
        file = write_credentials(tmp_path / "c", "http://127.0.0.1:9/")
        os.chown(file, 65534, 65534)
        with pytest.raises(InputError, match="belong to another user"):
            FilePlace(file).load("http://127.0.0.1:9/")


def test_the_environment_says_where_the_token_is(tmp_path: Path) -> None:
    named = place({"BACKPORT_LAUNCHPAD_CREDENTIALS": str(tmp_path / "ci")})
    theirs = place({"LP_CREDENTIALS_FILE": str(tmp_path / "lp")})

    assert isinstance(named, FilePlace)
    assert isinstance(theirs, FilePlace)
    assert (named.path, theirs.path) == (tmp_path / "ci", tmp_path / "lp")


def test_without_a_keyring_it_is_a_file_in_the_users_configuration(tmp_path: Path) -> None:
    # A process of its own: the package keyring looks for a desktop once, when it is loaded.
    code = (
        "from backport.launchpad.api import credentials; print(credentials.place("
        f"{{'XDG_CONFIG_HOME': {str(tmp_path)!r}}}))"
    )
    env = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout.strip() == str(tmp_path / "backport" / "launchpad-credentials")


def test_the_keyring_keeps_a_token_for_each_root() -> None:
    kept: dict[tuple[str, str], str] = {}

    class InMemory(KeyringBackend):
        """A backend of the package keyring, as a desktop has one."""

        priority = 5  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            kept[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        found = place({})
        found.save("http://127.0.0.1:9/", "a text")

        assert isinstance(found, credentials.KeyringPlace)
        assert found.load("http://127.0.0.1:9/") == "a text"
        assert found.load("http://127.0.0.1:8/") == ""
    finally:
        keyring.set_keyring(before)


def test_a_client_with_login_asks_as_the_user(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here.standin.world.tokens is not None
    here.standin.world.tokens.add(TOKEN)
    file = write_credentials(tmp_path / "ci", here.standin.root)
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_CREDENTIALS", str(file))
    client = LaunchpadlibClient(tmp_path / "x", root=here.standin.root, limits=QUICK, login=True)

    with closing(client):
        assert client.ask("the account", lambda lp: str(lp.me.name)) == "tester"
