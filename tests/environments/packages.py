"""Small real packages, and a small real archive that signs them and answers over HTTP."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from backport.environments.localrepo import write_deb
from backport.environments.machine_sources import Suite
from backport.errors import BackportError

EPOCH = 1485302400

_homes: set[Path] = set()


def make_deb(
    folder: Path, name: str, version: str = "1.0", *, text: str = "", **fields: str
) -> Path:
    """A package with one file; `fields` are further control fields, such as ``Depends``."""
    tree = folder / f".tree-{name}-{version.replace(':', '_')}"
    path = tree / "usr/share" / name
    path.parent.mkdir(parents=True)
    path.write_text(text or f"{name} {version}\n")
    control = {
        "Package": name,
        "Version": version,
        "Architecture": "all",
        "Maintainer": "Nobody <nobody@example.org>",
        **{field.replace("_", "-"): value for field, value in fields.items()},
        "Description": "a test package",
    }
    return write_deb(tree, control, folder, epoch=EPOCH)


def make_key(home: Path, *options: str) -> Path:
    """A new signing key in a GnuPG home; the result is its public keyring.

    `options` are further ones for gpg.
    """
    home.mkdir(mode=0o700)
    add_key(home, "archive@example.org", *options)
    return export(home)


def export(home: Path) -> Path:
    """The public keyring of a GnuPG home, with all keys that it has now."""
    ring = keyring(home)
    command = [*_gpg(home), "--yes", "--output", str(ring), "--export"]
    subprocess.run(command, check=True, capture_output=True)
    return ring


def add_key(home: Path, address: str, *options: str) -> None:
    """Make a signing key in a GnuPG home; its public keyring stays as it is."""
    who = f"Test archive <{address}>"
    subprocess.run(
        [*_gpg(home), *options, "--passphrase", "",
         "--quick-generate-key", who, "ed25519", "sign", "never"],
        check=True,
        capture_output=True,
    )  # fmt: skip


def fingerprint(home: Path) -> str:
    """The fingerprint of the first key in a GnuPG home."""
    listed = [*_gpg(home), "--with-colons", "--list-keys"]
    lines = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.splitlines()
    return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


def end_agents() -> None:
    """End the agents that gpg started for the homes of this process."""
    for home in _homes:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def _gpg(home: Path) -> list[str]:
    _homes.add(home)
    return ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]


def keyring(key_home: Path) -> Path:
    """The public keyring of a GnuPG home that `make_key` made."""
    return key_home / "public.gpg"


class Archive:
    """An archive below `folder`: put packages into ``pool``, then `sign`."""

    def __init__(self, folder: Path, key_home: Path, suite: str = "oldseries") -> None:
        self.folder = folder
        self.pool = folder / "pool"
        self.pool.mkdir(parents=True)
        self.suite = suite
        self._key_home = key_home

    def sign(self, *options: str) -> None:
        """Write the indices and sign them; `options` are further ones for gpg."""
        binary = self.folder / "dists" / self.suite / "main/binary-amd64"
        binary.mkdir(parents=True, exist_ok=True)
        packages = _output("apt-ftparchive", "packages", "pool", cwd=self.folder)
        (binary / "Packages").write_bytes(packages)
        dist = binary.parents[1]
        for name in ("Release", "InRelease"):
            (dist / name).unlink(missing_ok=True)
        fields = (
            f"-o=APT::FTPArchive::Release::Suite={self.suite}",
            f"-o=APT::FTPArchive::Release::Codename={self.suite}",
            "-o=APT::FTPArchive::Release::Components=main",
            "-o=APT::FTPArchive::Release::Architectures=amd64",
        )
        (dist / "Release").write_bytes(_output("apt-ftparchive", *fields, "release", ".", cwd=dist))
        gpg = ["gpg", "--homedir", str(self._key_home), "--batch", *options]
        _output(*gpg, "--clearsign", "-o", "InRelease", "Release", cwd=dist)

    def served(self) -> AbstractContextManager[str]:
        """The archive's address while it is served on the loopback interface."""
        return served(self.folder)

    def seen_at(self, uri: str, keyring: Path) -> Suite:
        """The suite as a client configures it."""
        return Suite(uri, self.suite, ("main",), keyring)


class Apt:
    """The machine's real apt, with only these sources and pins, in a folder of its own."""

    def __init__(self, folder: Path, sources: str, preferences: str = "") -> None:
        for name in ("lists/partial", "archives/partial", "none"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(sources)
        (folder / "preferences").write_text(preferences)
        settings = {
            "Dir::Etc": folder,
            "Dir::Etc::main": folder / "none/conf",
            "Dir::Etc::parts": folder / "none",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": folder / "none",
            "Dir::Etc::preferences": folder / "preferences",
            "Dir::Etc::preferencesparts": folder / "none",
            "Dir::State": folder,
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder,
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
        }
        conf = folder / "apt.conf"
        conf.write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()))
        self._env = {**os.environ, "APT_CONFIG": str(conf), "LC_ALL": "C.UTF-8"}
        self("apt-get", "update")

    def __call__(self, *words: str) -> str:
        done = subprocess.run(words, env=self._env, capture_output=True, text=True, check=True)
        return done.stdout

    def candidate(self, package: str) -> str:
        """The version that apt would install."""
        lines = self("apt-cache", "policy", package).splitlines()
        return next(line.split()[1] for line in lines if line.strip().startswith("Candidate:"))


def tree_hash(folder: Path) -> Mapping[str, str]:
    """Every file of a folder with its sha256."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _output(*words: str, cwd: Path) -> bytes:
    return subprocess.run(words, cwd=cwd, check=True, capture_output=True).stdout


class _Files(SimpleHTTPRequestHandler):
    """A file server; of paths that have `cut` in them it sends half, and hangs up."""

    cut: ClassVar[str] = ""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if self.cut and self.cut in self.path:
            data = source.read()
            outputfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            # A reader whose disk is full hangs up.
            with suppress(ConnectionError):
                super().copyfile(source, outputfile)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path, *, cut: str = "") -> Iterator[str]:
    """The address of a folder while it is served on the loopback interface."""
    handler = partial(type("Files", (_Files,), {"cut": cut}), directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def one_sentence(error: BackportError) -> bool:
    return "\n" not in str(error) and "Traceback" not in str(error)


def make_wheel(path: Path, files: Mapping[str, str]) -> Path:
    """A zip archive of these files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def make_sdist(path: Path, files: Mapping[str, str]) -> Path:
    """A source archive of these files: a zip archive where the name says so."""
    if path.suffix == ".zip":
        return make_wheel(path, files)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path
