"""dput (the classic one) with a configuration of our own: one PPA, and no other way out.

Only the generated file is read, neither /etc/dput.cf nor the user's: an upload without a named
host would go to the Ubuntu archive there. Debian's dput has no method for SFTP, as Ubuntu's has, so
there dput only does its checks, and OpenSSH's sftp carries the files, the .changes last.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from backport.doctor import Missing
from backport.engine.process import Completed, run
from backport.errors import InputError, MachineError, UsageError
from backport.launchpad.api.environment import PRODUCTION
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.upload.signing import listed
from backport.source.text import read_text
from backport.system_packages import require

SERVER_VARIABLE = "BACKPORT_UPLOAD_SERVER"
SSH_VARIABLE = "BACKPORT_SSH_OPTIONS"
LAUNCHPAD = "ppa.launchpad.net"
# The hosts of Ubuntu's own archive; nothing of ours ever goes there.
_NEVER = ("upload.ubuntu.com",)
_HOST = "the-ppa"
_PORTS = {"ftp": 21, "sftp": 22}


@dataclass(frozen=True)
class Server:
    """An upload server; `method` is ftp or sftp."""

    method: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.method}://{self.host}:{self.port}"


@dataclass(frozen=True)
class Transfer:
    """How a transfer ended.

    `trouble` is "" where every file has arrived; `certain` is whether the .changes has surely not
    arrived, so that the server cannot have taken the upload; `passing` is whether another try may
    go well: Launchpad's FTP server answers 550 now and then.
    """

    trouble: str
    certain: bool = True
    passing: bool = False


def server(root: str, method: str = "ftp") -> Server:
    """The upload server of a Launchpad: the one that the environment names, else its own.

    Parameters:
        root: the service root whose answers the checks rely on.
        method: how its own server is reached, ftp or sftp.

    Raises:
        UsageError: the address is none, is the Ubuntu archive's, or is not of that Launchpad.
    """
    usual = f"{method}://{LAUNCHPAD}" if root == PRODUCTION else ""
    address = os.environ.get(SERVER_VARIABLE, "") or usual
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not port or not parts.hostname or parts.path.strip("/"):
        raise UsageError(
            f"{address!r} is no upload server of {root}, which the checks ask",
            where=SERVER_VARIABLE,
            advice="write ftp://HOST:PORT or sftp://HOST:PORT",
        )
    if parts.hostname in _NEVER or (root == PRODUCTION) != (parts.hostname == LAUNCHPAD):
        raise UsageError(
            f"{parts.hostname} is no upload server for the PPAs of {root}, which the checks ask",
            where=SERVER_VARIABLE,
        )
    return Server(parts.scheme, parts.hostname, port)


def configuration(to: Server, ppa: PpaName, series: str) -> str:
    """The text of dput's configuration (dput.cf(5)) for one upload."""
    place = f"{to.host}:{to.port}" if to.port != _PORTS[to.method] else to.host
    # A percent sign starts a reference in this format; a PPA's name has none.
    return f"""\
[DEFAULT]
allow_unsigned_uploads = 0
default_host_main = {_HOST}
run_dinstall = 0
check_version = 0
[{_HOST}]
fqdn = {place}
method = {"ftp" if to.method == "ftp" else "local"}
incoming = {ppa.incoming}
login = anonymous
allowed_distributions = ^{re.escape(series)}$
passive_ftp = 1
"""


def send(
    changes: Path, to: Server, ppa: PpaName, series: str, account: str, *, log: Path, seconds: float
) -> Transfer:
    """Send a signed upload to a PPA.

    Parameters:
        changes: the signed .changes, its files beside it.
        series: the only distribution that is let through.
        account: the Launchpad account's name, which SFTP logs in with.
        log: a file to which the programs' output is appended.
        seconds: the time limit of the whole transfer.

    Raises:
        MachineError: dput is missing, or is dput-ng; or OpenSSH's sftp is missing.
        InputError: dput's own checks refuse the files.
    """
    ftp = to.method == "ftp"
    config = changes.parent / "dput.cf"
    config.write_text(configuration(to, ppa, series))
    options = ["--config", str(config), "--no-upload-log", "--force"]
    try:
        done = run(
            [_dput(), *options, *([] if ftp else ["--check-only"]), _HOST, str(changes)],
            cwd=changes.parent,
            env={"LC_ALL": "C.UTF-8"},
            timeout=seconds,
        )
    finally:
        config.unlink()
    _note(log, done)
    if ftp:
        return _judged(done, changes, to)
    if done.exit_code != 0 or "Package checked by dput" not in done.output:
        raise _refused(done)
    return _sftp(changes, to, ppa, account, log=log, seconds=seconds)


def check() -> list[Missing]:
    """What this machine lacks for an upload, with the command that helps."""
    try:
        _dput()
    except MachineError as error:
        return [Missing(error.what, "uploads", "scripts/install")]
    return []


def _dput() -> str:
    # Where the package would take dput-ng away, scripts/install unpacks it there.
    unpacked = Path(sys.prefix, "dput/usr/bin/dput")
    program = str(unpacked) if unpacked.exists() else require("dput")
    shown = run([program, "--version"], timeout=60.0).output
    if not re.search(r"^dput \d", shown, re.MULTILINE):
        raise MachineError(
            "this dput is not the classic one (dput-ng refuses series that have ended)",
            where=program,
            advice="run: scripts/install, which unpacks the classic one beside it",
        )
    return program


def _judged(done: Completed, changes: Path, to: Server) -> Transfer:
    """What dput's output says of a transfer."""
    output = done.output
    # dput goes on behind a file that the server keeps, and calls that a success.
    kept = "Leaving existing" in output
    if done.exit_code == 0 and "Successfully uploaded packages" in output and not kept:
        return Transfer("")
    if "Uploading to" not in output and not done.timed_out:
        raise _refused(done)
    certain = kept or f"Uploading {changes.name}" not in output
    passing = certain and re.search(r"Uploading \S+: 550 ", output) is not None
    return Transfer(_reason(done, to), certain, passing)


def _reason(done: Completed, to: Server) -> str:
    """Why a transfer ended, as the program says it."""
    if done.timed_out:
        return f"{to.host} did not take it within {done.seconds:.0f} s"
    files = re.findall(r"Uploading (\S+): (?!done)(.*)", done.output)
    name, answer = files[-1] if files else ("", "")
    if not files:
        # ssh says why before its last line, dput's ftp in it.
        answer = _end(done)
    # dput prints an EOFError as nothing.
    why = answer.strip() or "the connection broke off"
    return f"{to.host} did not take {name or 'it'}: {why}"[:300]


def _refused(done: Completed) -> InputError:
    return InputError(f"dput refuses to send it: {_end(done)}"[:300], where="dput")


def _end(done: Completed) -> str:
    lines = [line.strip().rstrip(".") for line in done.output.splitlines() if line.strip()]
    return "; ".join(lines[-2:]) or f"exit {done.exit_code}"


def _sftp(
    changes: Path, to: Server, ppa: PpaName, account: str, *, log: Path, seconds: float
) -> Transfer:
    """Carry the files with OpenSSH's sftp, the .changes last."""
    program = require("sftp")
    names = [*listed(read_text(changes)), changes.name]
    # A leading ~ would be taken for a home; Launchpad's server makes the folders itself.
    batch = "".join(f"put {name} ./{ppa.incoming}{name}\n" for name in names)
    lines = map(str.strip, os.environ.get(SSH_VARIABLE, "").splitlines())
    more = [f"-o{line}" for line in lines if line]
    options = ["-b", "-", "-P", str(to.port), "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"]
    done = run(
        [program, *options, *more, f"{account}@{to.host}"],
        cwd=changes.parent,
        input_text=batch,
        env={"LC_ALL": "C.UTF-8"},
        timeout=seconds,
    )
    _note(log, done)
    begun = f"put {changes.name}" in done.output
    if done.exit_code == 0 and begun:
        return Transfer("")
    return Transfer(_reason(done, to), certain=not begun)


def _note(log: Path, done: Completed) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(done.args)}\n{done.output}\n")
