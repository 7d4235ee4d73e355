"""Signing with the real gpg: keys with and without a passphrase, and every way it can fail."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian.deb822 import Changes

from backport.errors import InputError, MachineError
from backport.launchpad.upload import signing
from backport.launchpad.upload.signing import find_key, sign_upload

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def locked_home() -> Iterator[Path]:
    """A GNUPGHOME with one key, of locked@example.org, that has a passphrase."""
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    home.chmod(0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty"]
    gpg += ["--pinentry-mode", "loopback", "--passphrase", PASSPHRASE, "--quick-generate-key"]
    subprocess.run(
        [*gpg, "Locked <locked@example.org>", "ed25519", "sign", "0"],
        check=True,
        capture_output=True,
    )
    yield home
    kill_agent(home)
    shutil.rmtree(home)


def kill_agent(home: Path) -> None:
    subprocess.run(
        ["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False, capture_output=True
    )


@pytest.fixture
def good(keys, monkeypatch: pytest.MonkeyPatch) -> signing.Key:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("GNUPGHOME", str(keys.home))
    return find_key("good@example.org")


LISTS = {"Checksums-Sha1": "sha1", "Checksums-Sha256": "sha256", "Files": "md5sum"}


def described(folder: Path) -> Path:
    """An upload whose .changes lists a .dsc and a tarball."""
    folder.mkdir()
    text = "Format: 1.8\nSource: a\nVersion: 1-1\nArchitecture: source\nDistribution: noble\n"
    files = {"a_1.orig.tar.gz": b"tarball", "a_1-1.dsc": b"Format: 3.0 (quilt)\nSource: a\n"}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for field, kind in LISTS.items():
        more = "misc optional " if field == "Files" else ""
        text += f"{field}:\n" + "".join(
            f" {digest(kind, data)} {len(data)} {more}{name}\n" for name, data in files.items()
        )
    changes = folder / "a_1-1_source.changes"
    changes.write_text(text)
    return changes


def digest(kind: str, data: bytes) -> str:
    return hashlib.new(kind.removesuffix("sum"), data).hexdigest()


def signer(path: Path) -> str:
    done = subprocess.run(
        ["gpg", "--batch", "--status-fd", "1", "--verify", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"VALIDSIG .* ([0-9A-F]{40})$", done.stdout, re.MULTILINE)
    return found[1] if found and done.returncode == 0 else ""


def test_each_file_is_signed_and_the_next_has_its_new_hashes(
    tmp_path: Path, good: signing.Key
) -> None:
    changes = described(tmp_path / "in")

    hashes = sign_upload(changes, good, tmp_path / "out")

    out = tmp_path / "out"
    for name in ("a_1-1.dsc", "a_1-1_source.changes"):
        assert signer(out / name) == good.fingerprint
    said = Changes((out / changes.name).read_bytes())
    for field, kind in LISTS.items():
        for entry in said[field]:
            data = (out / entry["name"]).read_bytes()
            assert (entry[kind], entry["size"]) == (digest(kind, data), str(len(data)))
    assert said["Files"][0]["section"] == "misc"
    assert hashes[changes.name] == hashlib.sha256((out / changes.name).read_bytes()).hexdigest()
    assert "PGP" not in changes.read_text(), "what was given stays as it was"


@pytest.fixture
def secret(tmp_path: Path, locked_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the passphrase; gpg has a key that needs it, and no agent that knows it."""
    monkeypatch.setenv("GNUPGHOME", str(locked_home))
    kill_agent(locked_home)
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
    assert signer(tmp_path / "out" / "a_1-1.dsc") == key.fingerprint

    kill_agent(Path(os.environ["GNUPGHOME"]))
    secret.write_text("wrong donkey")
    with pytest.raises(MachineError, match="Bad passphrase") as caught:
        sign_upload(changes, key, tmp_path / "again")
    assert "donkey" not in str(caught.value)
    assert not list(tmp_path.glob("again*"))
    secret.chmod(0o640)
    with pytest.raises(InputError, match=r"others may read this passphrase \(mode 0640\)"):
        sign_upload(changes, key, tmp_path / "again")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("nobody@example.org", "gpg has no secret key for nobody@example.org"),
        ("expired@example.org", "of expired <expired@example.org> has expired"),
        ("@example.org", "gpg has 2 keys for @example.org"),
    ],
)
@pytest.mark.usefixtures("good")
def test_a_key_that_does_not_serve_is_named_with_the_reason(wanted: str, said: str) -> None:
    with pytest.raises(MachineError, match=re.escape(said)):
        find_key(wanted)


COLONS = """\
sec:u:255:22:0123456789ABCDEF:1700000000:::u:::scESC:::{primary}::ed25519:::0:
fpr:::::::::AAAAAAAAAAAAAAAAAAAAAAAA0123456789ABCDEF:
uid:u::::1700000000::HASH::On a card <card@example.org>::::::::::0:
ssb:u:255:22:FEDCBA9876543210:1700000000::::::s:::{sub}::ed25519::
fpr:::::::::BBBBBBBBBBBBBBBBBBBBBBBBFEDCBA9876543210:
"""


@pytest.mark.parametrize(
    ("sub", "trouble"),
    [("D2760001240102010006000000010000", ""), ("#", "has its secret part elsewhere")],
    ids=["smartcard", "elsewhere"],
)
def test_a_key_can_sign_where_its_secret_part_is(sub: str, trouble: str) -> None:
    ((key, found),) = signing._parsed(COLONS.format(primary="#", sub=sub))

    assert found == trouble
    assert key.fingerprint == "AAAAAAAAAAAAAAAAAAAAAAAA0123456789ABCDEF"
