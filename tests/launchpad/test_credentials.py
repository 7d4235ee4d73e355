"""The login: once in the browser, kept where nobody else reads it, and never printed."""

from __future__ import annotations

import io
import os
import shlex
import stat
import sys
from contextlib import closing, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import pytest

from backport.errors import InputError, MachineError, RemoteError
from backport.launchpad.api import credentials
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError
from tests.launchpad.conftest import QUICK
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_ppa import Login, Ppas
from tests.support.upload_server.case import SECRET, TOKEN, write_credentials

# launchpadlib leaves the connections of its login to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ROOT = "http://127.0.0.1:9/"
# A browser that goes to the page and leaves.
BROWSER = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10).read()"


class Stderr(io.StringIO):
    """The standard error, where somebody reads it."""

    person = True

    def isatty(self) -> bool:
        return self.person


@dataclass
class Place:
    """A login page, a browser, and a file for the token."""

    standin: StandIn
    login: Login
    file: Path
    cache: Path
    stderr: Stderr

    def open(self, *, person: bool = True) -> str:
        """Log in; the name of the account."""
        self.stderr.person = person
        client = LaunchpadlibClient(self.cache, root=self.standin.root, limits=QUICK, login=True)
        with closing(client), redirect_stderr(self.stderr):
            return client.ask("the account", lambda session: str(session.me.name))


@pytest.fixture
def here(world: World, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("BROWSER", shlex.join([sys.executable, "-c", BROWSER, "%s"]))
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setattr("launchpadlib.credentials.access_token_poll_time", 0.05)
    monkeypatch.delenv(credentials.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    Ppas(world).person("tester")
    file = tmp_path / "home/backport/launchpad-credentials"
    return Place(standin, Login(world), file, tmp_path / "c", Stderr())


def test_the_browser_is_opened_once_and_the_token_is_in_the_kept_file_alone(
    capfd: pytest.CaptureFixture[str], here: Place, tmp_path: Path
) -> None:
    assert here.open() == "tester"
    assert here.open(person=False) == "tester"

    assert here.login.pages_seen == ["request1"]
    assert stat.S_IMODE(here.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(here.file.parent.stat().st_mode) == 0o700
    told = here.stderr.getvalue()
    assert "/+authorize-token?oauth_token=request1" in told
    assert capfd.readouterr().out == ""
    for secret in (here.login.token, *here.login.secrets):
        assert secret not in told
        assert not any(secret in request for request in here.standin.requests)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    secret_bytes = here.login.secret.encode()
    assert [path for path in files if secret_bytes in path.read_bytes()] == [here.file]


@pytest.mark.parametrize(
    ("answer", "message"),
    [("decline", "the login was declined in the browser"), ("", "not answered in time")],
)
def test_a_login_that_is_declined_or_not_answered_keeps_nothing(
    here: Place, answer: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.login.answer = answer
    monkeypatch.setattr("launchpadlib.credentials.access_token_poll_timeout", 60 if answer else 0)

    with pytest.raises(RemoteError, match=message):
        here.open()
    assert not here.file.exists()


def test_a_token_is_made_and_made_anew_where_launchpad_refuses_it_with_a_person_only(
    here: Place,
) -> None:
    with pytest.raises(MachineError, match="no login for Launchpad here") as nobody:
        here.open(person=False)
    assert "BACKPORT_LAUNCHPAD_CREDENTIALS" in nobody.value.advice
    assert here.login.pages_seen == []
    here.open()
    assert here.standin.world.tokens is not None
    here.standin.world.tokens.clear()

    with pytest.raises(RefusedError, match="does not accept the login kept in") as caught:
        here.open(person=False)
    assert here.login.token not in str(caught.value)
    assert here.open() == "tester"
    assert len(here.login.pages_seen) == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("status", "request-token", status=503), "answered 503"),
        (Fault("reset", "request-token"), "broke off the connection"),
        (Fault("html", "request-token"), "cannot be understood"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_fault_at_the_login_is_one_sentence(here: Place, fault: Fault, message: str) -> None:
    here.standin.faults.add(fault)

    with pytest.raises(RemoteError, match=message):
        here.open()
    assert not here.file.exists()


@pytest.mark.parametrize(
    ("mode", "owner", "text", "message"),
    [
        (0o644, 0, "", r"others may read them .*mode 0644"),
        (0o620, 0, "", r"others may read them .*mode 0620"),
        (0o600, 65534, "", "are another user's"),
        (0o600, 0, f"[1]\n{SECRET}", "no file of Launchpad credentials"),
        (0o600, 0, "[1]\nconsumer_key = a\n", "no file of Launchpad credentials"),
    ],
)
def test_a_file_that_is_damaged_or_not_the_users_alone_is_told_without_its_text(
    tmp_path: Path, mode: int, owner: int, text: str, message: str
) -> None:
    file = write_credentials(tmp_path / "c", ROOT)
    if text:
        file.write_text(text)
    file.chmod(mode)
    if owner:
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(file, owner, owner)

    with pytest.raises(InputError, match=message) as caught:
        credentials.load(file, ROOT)
    assert TOKEN not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_token_is_not_sent_to_another_root(tmp_path: Path) -> None:
    file = write_credentials(tmp_path / "c", ROOT)

    with pytest.raises(InputError, match=r"are for http://127.0.0.1:9/, and http://127.0.0.1:8/"):
        credentials.load(file, "http://127.0.0.1:8/")
    # launchpadlib's own file names none, and counts for production only.
    file.write_text(file.read_text().replace(f"service_root = {ROOT}\n", ""))
    assert TOKEN in credentials.load(file, "https://api.launchpad.net/")
    with pytest.raises(InputError, match=r"are for https://api.launchpad.net/"):
        credentials.load(file, "https://api.staging.launchpad.net/")
