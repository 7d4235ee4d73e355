"""Fixtures of the tests of uploads; a conftest imports them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.launchpad_server import StandIn, World
from tests.support.launchpad_server.world_ppa import Ppas

from .case import OWNER, PPA, SERIES, Case, write_credentials
from .ftp import FtpServer
from .intake import Intake


@contextmanager
def gnupg_home() -> Iterator[Path]:
    """A GNUPGHOME of its own, whose agent ends with it."""
    # The agent's socket lies in here, and a socket's path may have 107 characters (unix(7)).
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    try:
        yield home
    finally:
        end_agent(home)
        shutil.rmtree(home, ignore_errors=True)


def end_agent(home: Path) -> None:
    """Let gpg's agent forget what it knows."""
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=False)


def new_key(home: Path, who: str, life: str = "0", *options: str, passphrase: str = "") -> None:
    """Make a key that signs, of WHO@example.org."""
    command = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback"]
    command += ["--passphrase", passphrase, *options, "--quick-generate-key"]
    name = f"{who} <{who}@example.org>"
    subprocess.run([*command, name, "ed25519", "sign", life], check=True, capture_output=True)


def fingerprint_of(home: Path, who: str) -> str:
    """The fingerprint of the primary key of an address."""
    command = ["gpg", "--homedir", home, "--batch", "--with-colons", "--list-keys", who]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next(line for line in listed.splitlines() if line.startswith("fpr:")).split(":")[9]


def world(series: Mapping[str, str] = SERIES) -> World:
    """Debian with one series, and Ubuntu with these and their versions; two of them have ended."""
    made = World()
    made.distribution("debian")
    made.series("debian", "sid", "", "Experimental")
    made.distribution("ubuntu")
    for name, version in series.items():
        ended = name in ("yakkety", "zesty")
        made.series("ubuntu", name, version, "Obsolete" if ended else "Supported")
    return made


@pytest.fixture(scope="session")
def upload_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the usual update is kept once it was made; each test has a copy."""
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def case(
    tmp_path: Path, keys: Path, upload_template: Path, request: pytest.FixtureRequest
) -> Iterator[Case]:
    """A small update with the servers that it is uploaded to; `ready` writes the recipe."""
    made = world()
    ppas = Ppas(made)
    fingerprint = fingerprint_of(keys, "good@example.org")
    ppas.person(OWNER, [fingerprint])
    ppas.ppa(OWNER, PPA)
    intake = Intake(ppas, keys)
    root, home = tmp_path / "recipe", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    with StandIn(made) as standin, FtpServer(intake) as ftp:
        case = Case(
            root=root,
            home=home,
            template=upload_template,
            monkeypatch=request.getfixturevalue("monkeypatch"),
            capsys=request.getfixturevalue("capsys"),
            world=made,
            standin=standin,
            ppas=ppas,
            intake=intake,
            ftp=ftp,
            fingerprint=fingerprint,
        )
        login = write_credentials(home / "credentials", standin.root)
        for name, value in {
            "BACKPORT_LAUNCHPAD_ROOT": standin.root,
            "BACKPORT_UPLOAD_SERVER": ftp.address,
            "BACKPORT_POLL_SECONDS": "0.05",
            "BACKPORT_LAUNCHPAD_CREDENTIALS": str(login),
            "GNUPGHOME": str(keys),
            "HOME": str(home),
        }.items():
            case.monkeypatch.setenv(name, value)
        yield case
        assert standin.faults.left() == [], "a fault was planned that no request has met"
