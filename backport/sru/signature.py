"""The evidence's signature: a detached one of the manifest, by gpg, read by gpgv or gpg."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backport.engine import process
from backport.engine.process import require
from backport.errors import InputError, MachineError
from backport.sru import manifest

_TIMEOUT = 300.0  # seconds: a person may have to type a passphrase


@dataclass(frozen=True)
class Signed:
    """What is known of a signature.

    `state` is ``none``, ``good``, ``unknown key`` or ``bad``; `key` is the key's fingerprint or
    number as far as gpg says it, `who` its user.
    """

    state: str
    key: str = ""
    who: str = ""


def sign(path: Path, key: str) -> None:
    """Write a detached, armored signature of a file beside it, named like it with ``.asc``.

    Parameters:
        key: what gpg knows the key by, such as its fingerprint.

    Raises:
        MachineError: gpg is not there, or has no such key, or was not let in.
    """
    done = process.run(
        [
            require("gpg", "gpg"),
            *("--batch", "--yes", "--armor", "--detach-sign", "--local-user", key),
            *("--output", f"{path}.asc", path),
        ],
        timeout=_TIMEOUT,
    )
    if done.exit_code != 0:
        raise MachineError(
            f"gpg cannot sign with the key {key}: {done.tail(1)}",
            where=path.name,
            advice="name a secret key that `gpg --list-secret-keys` shows",
        )


def verify(folder: Path, keyring: Path | None) -> Signed:
    """Hold the manifest's signature against a keyring, else against the user's own keys.

    Parameters:
        folder: the evidence's folder. keyring: a file with public keys, armored or not.

    Raises:
        InputError: the keyring cannot be read. MachineError: gpg is not there.
    """
    signature = folder / manifest.SIGNATURE
    if not signature.is_file():
        return Signed("none")
    command = [require("gpg", "gpg"), "--batch", "--status-fd", "1"]
    if keyring is not None:
        with _home_with(keyring) as home:
            return _read(command, ["--homedir", home], signature, folder)
    return _read(command, [], signature, folder)


@contextmanager
def _home_with(keyring: Path) -> Iterator[str]:
    """A home of gpg's own with the keys of one file only."""
    # The agent's socket lies in here, and a socket's path may have 107 characters (unix(7)).
    with tempfile.TemporaryDirectory(prefix="keys-") as home:
        command = ["gpg", "--batch", "--quiet", "--homedir", home, "--import", str(keyring)]
        if process.run(command).exit_code != 0:
            raise InputError(
                "this file holds no public keys that gpg can read",
                where=str(keyring),
                advice="export the key with: gpg --export KEY",
            )
        try:
            yield home
        finally:
            process.run(["gpgconf", "--homedir", home, "--kill", "all"])


def _read(command: list[str], home: list[str], signature: Path, folder: Path) -> Signed:
    words = [*command, *home, "--verify", str(signature), str(folder / manifest.FILE)]
    status = process.run(words, env={"LC_ALL": "C"}).output
    keywords = {
        match[1]: match[2]
        for match in re.finditer(r"^\[GNUPG:\] ([A-Z_]+) ?(.*)$", status, re.MULTILINE)
    }
    if "BADSIG" in keywords:
        key, _, who = keywords["BADSIG"].partition(" ")
        return Signed("bad", key, who)
    if "VALIDSIG" in keywords and "GOODSIG" in keywords:
        return Signed(
            "good", keywords["VALIDSIG"].split()[0], keywords["GOODSIG"].partition(" ")[2]
        )
    if "NO_PUBKEY" in keywords:
        return Signed("unknown key", keywords["NO_PUBKEY"])
    # An expired or revoked key, or something that is no signature at all.
    key = next(
        (keywords[one] for one in ("EXPKEYSIG", "REVKEYSIG", "ERRSIG") if one in keywords), ""
    )
    return Signed("bad", key.partition(" ")[0])
