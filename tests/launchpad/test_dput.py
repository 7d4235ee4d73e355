"""The generated configuration, and the servers, programs and files that are let through."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from backport.errors import InputError, MachineError, UsageError
from backport.launchpad.api.environment import PRODUCTION
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.upload import dput
from backport.launchpad.upload.dput import Server, configuration, send, server
from backport.launchpad.upload.signing import find_key, sign_upload
from tests.launchpad.test_signing import described

PPA = PpaName("me", "it")
LOCAL = "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("root", "named", "expected"),
    [
        (PRODUCTION, "", Server("ftp", "ppa.launchpad.net", 21)),
        (PRODUCTION, "sftp://ppa.launchpad.net", Server("sftp", "ppa.launchpad.net", 22)),
        (LOCAL, "", "'' is no upload server of http://127.0.0.1"),
        (PRODUCTION, "ftp://upload.ubuntu.com", "is no upload server for the PPAs of https"),
        (LOCAL, "ftp://upload.ubuntu.com:21", "is no upload server for the PPAs of http"),
        (PRODUCTION, "ftp://127.0.0.1:2121", "is no upload server for the PPAs of https"),
        (LOCAL, "ftp://ppa.launchpad.net", "is no upload server for the PPAs of http"),
        (LOCAL, "http://127.0.0.1", "is no upload server"),
        (LOCAL, "ftp://127.0.0.1/ubuntu", "is no upload server"),
        (LOCAL, "ftp://127.0.0.1:port", "is no upload server"),
    ],
)
def test_only_a_server_of_that_launchpads_ppas_is_taken(
    root: str, named: str, expected: Server | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(dput.SERVER_VARIABLE, named)
    if isinstance(expected, Server):
        assert server(root) == expected
        return
    with pytest.raises(UsageError, match=expected):
        server(root)


def test_launchpads_own_server_is_reached_by_either_protocol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(dput.SERVER_VARIABLE, raising=False)
    assert server(PRODUCTION, "sftp") == Server("sftp", "ppa.launchpad.net", 22)


def test_the_configuration_knows_one_ppa_and_one_series() -> None:
    text = configuration(Server("ftp", "127.0.0.1", 2121), PPA, "noble")
    parser = configparser.ConfigParser()
    parser.read_string(text)

    assert parser.sections() == ["the-ppa"]
    assert {
        "fqdn": "127.0.0.1:2121",
        "incoming": "~me/ubuntu/it/",
        "login": "anonymous",
        "allowed_distributions": "^noble$",
        "default_host_main": "the-ppa",
        "allow_unsigned_uploads": "0",
    }.items() <= dict(parser["the-ppa"]).items()


def fake_program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_dput_ng_is_refused_where_the_classic_dput_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program(tmp_path, "dput", "1.35 (dput-ng)")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))

    with pytest.raises(MachineError, match="not the classic one") as caught:
        dput._dput()
    assert "scripts/install" in caught.value.advice
    (missing,) = dput.check()
    assert (missing.why, missing.command) == ("uploads", "scripts/install")
    unpacked = tmp_path / "venv/dput/usr/bin"
    unpacked.mkdir(parents=True)
    fake_program(unpacked, "dput", "dput 1.1.3")
    assert dput._dput() == str(unpacked / "dput")
    assert dput.check() == []


def test_dput_refuses_another_series_and_an_unsigned_file(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", str(keys))
    unsigned = described(tmp_path / "in")
    sign_upload(unsigned, find_key("good@example.org"), tmp_path / "out")
    changes, to = tmp_path / "out" / unsigned.name, Server("ftp", "127.0.0.1", 9)

    for file, series, message in (
        (changes, "jammy", "noble to the-ppa not allowed"),
        (unsigned, "noble", "dput refuses to send it"),
    ):
        with pytest.raises(InputError, match=message):
            send(file, to, PPA, series, "me", log=tmp_path / "log", seconds=60.0)
    assert not list(tmp_path.rglob("dput.cf"))
