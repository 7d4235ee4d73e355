"""Signing with the real gpg: keys with and without a passphrase, and every way it can fail."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.errors import InputError, MachineError
from backport.launchpad.upload import signing
from backport.launchpad.upload.signing import find_key, sign_upload
from tests.support.upload_server.fixtures import end_agent, gnupg_home, new_key

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def locked_home() -> Iterator[Path]:
    """A GNUPGHOME with one key, of locked@example.org, that has a passphrase."""
    with gnupg_home() as home:
        new_key(home, "locked", passphrase=PASSPHRASE)
        yield home


@pytest.fixture
def good(keys: Path, monkeypatch: pytest.MonkeyPatch) -> signing.SigningKey:
    monkeypatch.setenv("GNUPGHOME", str(keys))
    return find_key("good@example.org")


def described(folder: Path) -> Path:
    """An upload whose .changes lists a .dsc and a tarball."""
    folder.mkdir()
    text = "Format: 1.8\nSource: a\nVersion: 1-1\nArchitecture: source\nDistribution: noble\n"
    files = {"a_1.orig.tar.gz": b"tarball", "a_1-1.dsc": b"Format: 3.0 (quilt)\nSource: a\n"}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for field, kind in ("Checksums-Sha1", "sha1"), ("Checksums-Sha256", "sha256"), ("Files", "md5"):
        more = "misc optional " if field == "Files" else ""
        text += f"{field}:\n" + "".join(
            f" {hashlib.new(kind, data).hexdigest()} {len(data)} {more}{name}\n"
            for name, data in files.items()
        )
    changes = folder / "a_1-1_source.changes"
    changes.write_text(text)
    return changes


@pytest.fixture
def secret(tmp_path: Path, locked_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the passphrase; gpg has a key that needs it, and no agent that knows it."""
    monkeypatch.setenv("GNUPGHOME", str(locked_home))
    end_agent(locked_home)
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE)
    file.chmod(0o600)
    monkeypatch.setenv(signing.PASSPHRASE_VARIABLE, str(file))
    return file


def test_a_passphrase_from_a_file_signs_without_anybody_and_a_wrong_one_leaves_nothing(
    tmp_path: Path, secret: Path
) -> None:
    key = find_key("locked@example.org")
    changes = described(tmp_path / "in")
    sign_upload(changes, key, tmp_path / "out")
    assert "BEGIN PGP SIGNED MESSAGE" in (tmp_path / "out/a_1-1.dsc").read_text()
    assert "PGP" not in changes.read_text(), "what was given stays as it was"

    end_agent(Path(os.environ["GNUPGHOME"]))
    secret.write_text("wrong donkey")
    with pytest.raises(MachineError, match="Bad passphrase") as caught:
        sign_upload(changes, key, tmp_path / "again")
    assert "donkey" not in str(caught.value)
    assert not list(tmp_path.glob("again*"))
    secret.chmod(0o640)
    with pytest.raises(InputError, match=r"others may read this passphrase \(mode 0640\)"):
        sign_upload(changes, key, tmp_path / "again")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("nobody@example.org", "gpg has no secret key for nobody@example.org"),
        ("expired@example.org", "of expired <expired@example.org> has expired"),
        ("@example.org", "gpg has 2 keys for @example.org"),
    ],
)
@pytest.mark.usefixtures("good")
def test_a_key_that_does_not_serve_is_named_with_the_reason(wanted: str, message: str) -> None:
    with pytest.raises(MachineError, match=re.escape(message)):
        find_key(wanted)
