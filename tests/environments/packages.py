"""The keys that sign an archive, a server that has it, and archives of files."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backport.errors import BackportError
from tests.support.file_server import serve

_homes: set[Path] = set()


def make_key(home: Path, *options: str) -> Path:
    """A new signing key in a GnuPG home, made with these options; its public keyring."""
    home.mkdir(mode=0o700)
    add_key(home, "archive@example.org", *options)
    return export(home)


def export(home: Path, *options: str) -> Path:
    """The public keyring of a GnuPG home, with all keys that it has now."""
    ring = home / "public.gpg"
    gpg(home, "--yes", *options, "--output", str(ring), "--export")
    return ring


def add_key(home: Path, address: str, *options: str) -> None:
    """Make a signing key in a GnuPG home; its public keyring stays as it is."""
    who = f"Test archive <{address}>"
    words = ("--quick-generate-key", who, "ed25519", "sign", "never")
    gpg(home, *options, "--passphrase", "", *words)


def fingerprint(home: Path) -> str:
    """The fingerprint of the first key in a GnuPG home."""
    lines = gpg(home, "--with-colons", "--list-keys").splitlines()
    return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


def end_agents() -> None:
    """End the agents that gpg started for the homes of this process."""
    for home in _homes:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def gpg(home: Path, *words: str) -> str:
    _homes.add(home)
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    return subprocess.run([*command, *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def served(folder: Path, *, cut: str = "") -> Iterator[str]:
    """The address of a folder while it is served; of paths with `cut` only half is sent."""
    with serve(folder, cut) as server:
        yield server.url


def one_sentence(error: BackportError) -> bool:
    return "\n" not in str(error) and "Traceback" not in str(error)


def make_archive(path: Path, files: Mapping[str, str]) -> Path:
    """A zip archive or wheel of these files where the name says so, else a tarball."""
    if path.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return path
    with tarfile.open(path, "w:gz") as tarball:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tarball.addfile(info, io.BytesIO(text.encode()))
    return path
