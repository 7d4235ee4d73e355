"""Fixtures of the tests of uploads; a conftest imports them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.launchpad_server import StandIn, World
from tests.support.launchpad_server.world_ppa import Ppas

from .case import OWNER, PPA, SERIES, Case, write_credentials
from .ftp import FtpServer
from .intake import Intake

if TYPE_CHECKING:
    from tests.launchpad.conftest import Keys


def gpg(home: Path, *args: str, given: bytes = b"") -> bytes:
    """Run gpg, without an agent, with a GNUPGHOME; its output."""
    command = ["gpg", "--batch", "--quiet", "--no-tty", "--no-autostart", "--homedir", str(home)]
    done = subprocess.run([*command, *args], input=given, capture_output=True, check=True)
    return done.stdout


def public_keyring(home: Path, secret_home: Path) -> Path:
    """A GNUPGHOME with what a keyserver would know of another."""
    home.mkdir(mode=0o700)
    gpg(home, "--import", given=gpg(secret_home, "--export"))
    return home


def fingerprint_of(home: Path, who: str) -> str:
    """The fingerprint of the primary key of an address."""
    listed = gpg(home, "--with-colons", "--list-keys", who).decode().splitlines()
    return next(line for line in listed if line.startswith("fpr:")).split(":")[9]


def world() -> World:
    """Ubuntu with its series; yakkety has ended."""
    made = World()
    made.distribution("debian")
    made.series("debian", "sid", "", "Experimental")
    made.distribution("ubuntu")
    for name, version in SERIES.items():
        made.series("ubuntu", name, version, "Obsolete" if name == "yakkety" else "Supported")
    return made


@pytest.fixture(scope="session")
def upload_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the usual update is kept once it was made; each test has a copy."""
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def case(
    tmp_path: Path, keys: Keys, upload_template: Path, request: pytest.FixtureRequest
) -> Iterator[Case]:
    """A small update with the servers that it is uploaded to; `ready` writes the recipe."""
    made = world()
    ppas = Ppas(made)
    fingerprint = fingerprint_of(keys.home, "good@example.org")
    ppas.person(OWNER, [fingerprint])
    ppas.ppa(OWNER, PPA)
    intake = Intake(ppas, public_keyring(tmp_path / "keyserver", keys.home))
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
            "GNUPGHOME": str(keys.home),
            "HOME": str(home),
        }.items():
            case.monkeypatch.setenv(name, value)
        yield case
        assert standin.faults.left() == [], "a fault was planned that no request has met"
