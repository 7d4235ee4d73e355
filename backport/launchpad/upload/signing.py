"""Sign an upload with gpg: the .dsc, then the .changes that has its hashes.

The key may be in gpg's own store, on a smartcard, or behind an agent: that is gpg's and its
agent's business. Where nobody can be asked for the passphrase, `BACKPORT_GPG_PASSPHRASE_FILE`
names a file with it. gpg is called with the user's own GNUPGHOME.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Changes

from backport.engine.process import Completed, run
from backport.errors import InputError, MachineError, reading
from backport.source.files import sha256_of
from backport.source.text import read_text, write_text
from backport.system_packages import require

PASSPHRASE_VARIABLE = "BACKPORT_GPG_PASSPHRASE_FILE"
_SHA256 = "Checksums-Sha256"
# Fields of gpg's --with-colons output (GnuPG's doc/DETAILS).
_VALIDITY, _CAPABILITIES = 1, 11
_WHY = {"e": "has expired", "r": "is revoked", "d": "is disabled", "i": "is invalid"}


@dataclass(frozen=True)
class SigningKey:
    """A key that can sign: the fingerprint of its primary key, and its user ID."""

    fingerprint: str
    user: str


def find_key(wanted: str) -> SigningKey:
    """The secret key that signs.

    Parameters:
        wanted: a fingerprint, a key ID, or an address such as that of the maintainer.

    Raises:
        MachineError: gpg has no such key, or it cannot sign any more; the message says which.
    """
    done = _gpg("--with-colons", "--list-secret-keys", "--", wanted)
    keys = _parsed(done.output) if done.exit_code == 0 else []
    good = {key for key, trouble in keys if not trouble}
    if len(good) == 1:
        return good.pop()
    if good:
        names = ", ".join(sorted(key.fingerprint for key in good))
        what = f"gpg has {len(good)} keys for {wanted}: {names}"
    elif keys:
        key, trouble = keys[0]
        what = f"the key {key.fingerprint} of {key.user} {trouble}"
    else:
        what = f"gpg has no secret key for {wanted}"
    raise MachineError(
        what,
        where="signing",
        advice="name one by its fingerprint with --key, or bring it here with: gpg --import",
    )


def _parsed(colons: str) -> list[tuple[SigningKey, str]]:
    """The keys of gpg's listing, each with what hinders it to sign; "" if nothing does."""
    keys = []
    for text in re.split(r"^(?=sec:)", colons, flags=re.MULTILINE)[1:]:
        block = [line.split(":") + [""] * 20 for line in text.splitlines()]
        first = {fields[0]: fields[9] for fields in reversed(block)}
        primary, trouble = block[0], ""
        if "S" not in primary[_CAPABILITIES]:  # what the whole key can do now
            trouble = _WHY.get(primary[_VALIDITY], "cannot sign any more, or never could")
        keys.append((SigningKey(first.get("fpr", ""), first.get("uid", "")), trouble))
    return keys


def sign_upload(changes: Path, key: SigningKey, out: Path) -> dict[str, str]:
    """Copy an upload's files to a folder, signed there; the sha256 of each file, by name.

    Parameters:
        changes: the unsigned source .changes, its files beside it.
        key: who signs.
        out: the folder; it appears by one rename, in place of one of that name.

    Raises:
        MachineError: gpg cannot sign: no passphrase, no card, no agent.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".signing-") as name:
        work = Path(name) / "done"
        work.mkdir(mode=0o755)
        names = [*listed(read_text(changes)), changes.name]
        for file in names:
            shutil.copyfile(changes.parent / file, work / file)
            (work / file).chmod(0o644)  # dput's and the server's users read them
        (dsc,), whole = work.glob("*.dsc"), work / changes.name
        _clearsign(dsc, key)
        write_text(whole, _with_new_hashes(read_text(whole), dsc))
        _clearsign(whole, key)
        result = {one: sha256_of(work / one) for one in names}
        shutil.rmtree(out, ignore_errors=True)
        work.rename(out)
    return result


def listed(changes: str) -> tuple[str, ...]:
    """The names of the files that a .changes or .dsc lists under Checksums-Sha256."""
    return tuple(str(entry["name"]) for entry in Changes(changes).get(_SHA256, ()))


def _with_new_hashes(text: str, file: Path) -> str:
    """A .changes with the size and hashes that a file has now."""
    changes, data = Changes(text), file.read_bytes()
    for field, kind in (("Files", "md5sum"), ("Checksums-Sha1", "sha1"), (_SHA256, "sha256")):
        for entry in changes.get(field, ()):
            if entry["name"] == file.name:
                digest = hashlib.new(kind.removesuffix("sum"), data, usedforsecurity=False)
                entry[kind], entry["size"] = digest.hexdigest(), str(len(data))
    return str(changes.dump())


def _clearsign(path: Path, key: SigningKey) -> None:
    """Sign a file in place, as OpenPGP clear text (RFC 9580, 7)."""
    signed = path.with_name(f"{path.name}.asc")
    how = ["--local-user", key.fingerprint, "--digest-algo", "SHA512", "--armor", "--textmode"]
    how += ["--status-fd", "1", "--output", str(signed), "--clearsign", str(path)]
    done = _gpg(*how, timeout=300.0)
    if done.exit_code != 0 or not signed.is_file():
        signed.unlink(missing_ok=True)
        raise _refusal(done, key)
    signed.replace(path)


def _refusal(done: Completed, key: SigningKey) -> MachineError:
    """gpg's refusal in one sentence; its text holds no passphrase."""
    lines = [line for line in done.output.splitlines() if line.startswith("gpg: ")]
    why = lines[-1].removeprefix("gpg: ").rstrip(".") if lines else f"exit {done.exit_code}"
    if done.timed_out:
        why = "nobody answered within 5 minutes"
    return MachineError(
        f"gpg cannot sign with {key.fingerprint}: {why}",
        where="signing",
        advice=f"try it with: gpg --local-user {key.fingerprint} --clearsign; where nobody can be "
        f"asked for the passphrase, {PASSPHRASE_VARIABLE} names a file with it",
    )


def _gpg(*args: str, timeout: float = 60.0) -> Completed:
    return run(
        [require("gpg"), "--batch", "--no-tty", "--yes", *_passphrase(), *args],
        env={"LC_ALL": "C.UTF-8", "LANGUAGE": "", **_terminal()},
        timeout=timeout,
    )


def _terminal() -> dict[str, str]:
    """Where a pinentry on the terminal asks: gpg itself has no terminal here (gpg-agent(1))."""
    for stream in (sys.stdin, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            return {"GPG_TTY": os.environ.get("GPG_TTY") or os.ttyname(stream.fileno())}
    return {}


def _passphrase() -> list[str]:
    """gpg's options for a passphrase in a file, which nobody else may read."""
    named = os.environ.get(PASSPHRASE_VARIABLE)
    if not named:
        return []
    with reading(
        named, what="the passphrase cannot be read", advice=f"correct {PASSPHRASE_VARIABLE}"
    ):
        mode = Path(named).stat().st_mode
    if mode & 0o077:
        raise InputError(
            f"others may read this passphrase (mode {stat.S_IMODE(mode):04o})",
            where=named,
            advice=f"run: chmod 600 {named}",
        )
    return ["--pinentry-mode", "loopback", "--passphrase-file", named]
