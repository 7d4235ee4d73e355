"""Sign an upload with gpg: the .dsc, then the .buildinfo, then the .changes that has their hashes.

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
from dataclasses import dataclass
from pathlib import Path

from backport.engine.process import Completed, require, run
from backport.errors import InputError, MachineError
from backport.source.files import sha256_of
from backport.source.text import read_text, write_text

PASSPHRASE_VARIABLE = "BACKPORT_GPG_PASSPHRASE_FILE"
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
# Fields of gpg's --with-colons output (GnuPG's doc/DETAILS).
_VALIDITY, _EXPIRES, _CAPABILITIES, _TOKEN = 1, 6, 11, 14
_STUB = "#"
_WHY = {"e": "has expired", "r": "is revoked", "d": "is disabled", "i": "is invalid"}
_ORDER = (".dsc", ".buildinfo", ".changes")
# What gpg says where it cannot sign, what that means, and what to do.
_REFUSALS = (
    (
        ("bad passphrase",),
        "the passphrase is wrong",
        f"correct the file that {PASSPHRASE_VARIABLE} names",
    ),
    (
        ("no pinentry", "inappropriate ioctl", "no passphrase"),
        "there is no way to ask for the passphrase",
        f"set GPG_TTY, or write it into a file that {PASSPHRASE_VARIABLE} names",
    ),
    (("cancel",), "the passphrase was not given", "run the command again"),
    (
        ("card error", "card not present", "no such device"),
        "its smartcard is not there",
        "insert it, and run the command again",
    ),
    (
        ("no agent running", "can't connect to the agent"),
        "gpg's agent does not run",
        "run: gpg-connect-agent /bye",
    ),
)


@dataclass(frozen=True)
class Key:
    """A key that can sign: the fingerprint of its primary key, and its user ID."""

    fingerprint: str
    user: str


def find_key(wanted: str) -> Key:
    """The secret key that signs.

    Parameters:
        wanted: a fingerprint, a key ID, or an address such as that of the maintainer.

    Raises:
        MachineError: gpg has no such key, its secret part is elsewhere, or it cannot sign any
            more; the message says which.
    """
    done = _gpg("--with-colons", "--list-secret-keys", "--", wanted)
    keys = _parsed(done.output) if done.exit_code == 0 else []
    if not keys:
        raise MachineError(
            f"gpg has no secret key for {wanted}",
            where="signing",
            advice="make one with: gpg --quick-generate-key, bring it here with: gpg --import, or "
            "name another with --key",
        )
    good = [key for key, trouble in keys if not trouble]
    if not good:
        key, trouble = keys[0]
        raise MachineError(
            f"the key {key.fingerprint} of {key.user} {trouble}",
            where="signing",
            advice=f"mend it with: gpg --edit-key {key.fingerprint}, or name another with --key",
        )
    if len({key.fingerprint for key in good}) > 1:
        raise MachineError(
            f"gpg has {len(good)} keys for {wanted}: {', '.join(one.fingerprint for one in good)}",
            where="signing",
            advice="name one by its fingerprint with --key",
        )
    return good[0]


def _parsed(colons: str) -> list[tuple[Key, str]]:
    """The keys of gpg's listing, each with what hinders it to sign; "" if nothing does."""
    blocks: list[list[list[str]]] = []
    for line in colons.splitlines():
        fields = line.split(":") + [""] * 20
        if fields[0] == "sec":
            blocks.append([])
        if blocks:
            blocks[-1].append(fields)
    keys = []
    for block in blocks:
        first: dict[str, str] = {}
        for fields in block:
            first.setdefault(fields[0], fields[9])
        rows = [fields for fields in block if fields[0] in ("sec", "ssb")]
        keys.append((Key(first.get("fpr", ""), first.get("uid", "")), _trouble(rows)))
    return keys


def _trouble(rows: list[list[str]]) -> str:
    """What hinders a key to sign; "" if nothing does."""
    primary = rows[0][_VALIDITY]
    if primary in _WHY:
        return _WHY[primary]
    signing = [row for row in rows if "s" in row[_CAPABILITIES]]
    if not signing:
        return "cannot sign"
    usable = [row for row in signing if row[_VALIDITY] not in _WHY]
    if not usable:
        return f"has no signing key left: the last {_WHY[signing[-1][_VALIDITY]]}"
    here = [row for row in usable if row[_TOKEN] != _STUB]
    return "" if here else "has its secret part elsewhere"


def sign_upload(changes: Path, key: Key, out: Path) -> dict[str, str]:
    """Copy an upload's files to a folder, signed there; the sha256 of each file, by name.

    Parameters:
        changes: the unsigned source .changes, its files beside it.
        key: who signs.
        out: the folder; it appears by one rename, in place of one of that name.

    Raises:
        InputError: a file is not what the .changes says.
        MachineError: gpg cannot sign: no passphrase, no card, no agent.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".signing-") as name:
        work = Path(name) / "done"
        work.mkdir(mode=0o755)
        names = [*listed(read_text(changes)), changes.name]
        for one in names:
            shutil.copyfile(changes.parent / one, work / one)
            (work / one).chmod(0o644)  # dput's and the server's users read them
        whole = work / changes.name
        check_listed(whole)
        for suffix in _ORDER:
            for one in (one for one in names if one.endswith(suffix)):
                _clearsign(work / one, key)
                for other in (*work.glob("*.buildinfo"), whole):
                    if other.name != one and not one.endswith(".changes"):
                        text = read_text(other)
                        write_text(other, with_new_hashes(text, work / one))
        result = {one: sha256_of(work / one) for one in names}
        shutil.rmtree(out, ignore_errors=True)
        work.rename(out)
    return result


def listed(changes: str) -> tuple[str, ...]:
    """The names of the files that a .changes or .dsc lists under Checksums-Sha256."""
    block = re.search(r"^Checksums-Sha256:[^\n]*\n((?: [^\n]*\n?)+)", changes, re.MULTILINE)
    lines = block[1].splitlines() if block else []
    return tuple(line.split()[-1] for line in lines if len(line.split()) == 3)


def check_listed(described: Path) -> None:
    """Check every file that a .changes lists against its size and sha256.

    Raises:
        InputError: one is missing or is another.
    """
    text = read_text(described)
    for name in listed(text):
        path = described.parent / name
        there = path.read_bytes() if path.is_file() else b""
        line = f" {hashlib.sha256(there).hexdigest()} {len(there)} {name}\n"
        if line not in text:
            raise InputError(
                f"{name} is not the file that it lists",
                where=described.name,
                advice="make the source package anew with: backport source",
            )


def with_new_hashes(text: str, file: Path) -> str:
    """A .changes or .buildinfo with the size and hashes that a file has now."""
    data = file.read_bytes()

    def line(found: re.Match[str]) -> str:
        digest = hashlib.new(_HASHES[len(found["hash"])], data, usedforsecurity=False).hexdigest()
        return f" {digest} {len(data)} {found['more']}{file.name}"

    pattern = (
        r"^ (?P<hash>[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}) \d+ (?P<more>(?:\S+ \S+ )?)"
        + re.escape(file.name)
        + "$"
    )
    return re.sub(pattern, line, text, flags=re.MULTILINE)


def _clearsign(path: Path, key: Key) -> None:
    """Sign a file in place, as OpenPGP clear text (RFC 9580, 7)."""
    signed = path.with_name(f"{path.name}.asc")
    how = ["--local-user", key.fingerprint, "--digest-algo", "SHA512", "--armor", "--textmode"]
    how += ["--status-fd", "1", "--output", str(signed), "--clearsign", str(path)]
    done = _gpg(*how, timeout=300.0)
    if done.exit_code != 0 or not signed.is_file():
        signed.unlink(missing_ok=True)
        raise _refusal(done, key)
    signed.replace(path)


def _refusal(done: Completed, key: Key) -> MachineError:
    """gpg's refusal in one sentence; its text holds no passphrase."""
    text = done.output.lower()
    lines = [line for line in done.output.splitlines() if line.startswith("gpg: ")]
    why = lines[-1].removeprefix("gpg: ").rstrip(".") if lines else f"exit {done.exit_code}"
    advice = f"try it with: gpg --local-user {key.fingerprint} --clearsign"
    if done.timed_out:
        why, advice = "nobody answered within 5 minutes", "unlock it, and run the command again"
    else:
        for words, meaning, help_ in _REFUSALS:
            if any(word in text for word in words):
                why, advice = meaning, help_
                break
    return MachineError(
        f"gpg cannot sign with {key.fingerprint}: {why}", where="signing", advice=advice
    )


def _gpg(*args: str, timeout: float = 60.0) -> Completed:
    return run(
        [require("gpg", "gpg"), "--batch", "--no-tty", "--yes", *_passphrase(), *args],
        env={"LC_ALL": "C.UTF-8", "LANGUAGE": "", **_terminal()},
        timeout=timeout,
    )


def _terminal() -> dict[str, str]:
    """Where a pinentry on the terminal asks: gpg itself has no terminal here (gpg-agent(1))."""
    if os.environ.get("GPG_TTY"):
        return {}
    for stream in (sys.stdin, sys.stderr):
        try:
            return {"GPG_TTY": os.ttyname(stream.fileno())}
        except (OSError, ValueError, AttributeError):
            continue
    return {}


def _passphrase() -> list[str]:
    """gpg's options for a passphrase in a file.

    Raises:
        InputError: the file cannot be read, or others may read it.
    """
    named = os.environ.get(PASSPHRASE_VARIABLE)
    if not named:
        return []
    try:
        mode = Path(named).stat().st_mode
    except OSError as error:
        raise InputError(
            f"the passphrase cannot be read: {error.strerror}",
            where=named,
            advice=f"correct {PASSPHRASE_VARIABLE}",
        ) from error
    if mode & 0o077:
        raise InputError(
            f"others may read this passphrase (mode {stat.S_IMODE(mode):04o})",
            where=named,
            advice=f"run: chmod 600 {named}",
        )
    return ["--pinentry-mode", "loopback", "--passphrase-file", named]
