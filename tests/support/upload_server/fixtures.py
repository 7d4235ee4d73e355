"""Fixtures of the tests of uploads; a conftest imports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.launchpad_server import StandIn
from tests.support.launchpad_server.world_ppa import Ppas

from .case import (
    OWNER,
    PPA,
    Case,
    environment,
    fingerprint_of,
    public_keyring,
    world,
    write_credentials,
)
from .ftp import FtpServer
from .intake import Intake


class Keys(Protocol):
    """The keys that sign; `home` is their GNUPGHOME."""

    home: Path


@pytest.fixture(scope="session")
def public_keys(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GNUPGHOME with what a keyserver would know."""
    return public_keyring(tmp_path_factory.mktemp("server") / "gnupg", keys.home)


@pytest.fixture(scope="session")
def upload_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the usual update is kept once it was made; each test has a copy."""
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def case(
    tmp_path: Path,
    keys: Keys,
    public_keys: Path,
    upload_template: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Case]:
    """A small update with the servers that it is uploaded to; `ready` writes the recipe."""
    monkeypatch = request.getfixturevalue("monkeypatch")
    made = world()
    ppas = Ppas(made)
    fingerprint = fingerprint_of(keys.home, "good@example.org")
    ppas.person(OWNER, [fingerprint])
    ppas.ppa(OWNER, PPA)
    intake = Intake(ppas, public_keys)
    root, home = tmp_path / "recipe", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    with StandIn(made) as standin, FtpServer(intake) as ftp:
        case = Case(
            root=root,
            home=home,
            template=upload_template,
            monkeypatch=monkeypatch,
            capsys=request.getfixturevalue("capsys"),
            world=made,
            standin=standin,
            ppas=ppas,
            intake=intake,
            ftp=ftp,
            fingerprint=fingerprint,
        )
        write_credentials(home / "credentials", standin.root)
        for name, value in environment(case, keys.home).items():
            monkeypatch.setenv(name, value)
        yield case
        assert standin.faults.left() == [], "a fault was planned that no request has met"
