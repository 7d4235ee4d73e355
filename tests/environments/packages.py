"""Small real packages, the keys that sign them, and a server that has them."""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from backport.environments.localrepo import write_deb
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
    """A new signing key in a GnuPG home, made with these options; its public keyring."""
    home.mkdir(mode=0o700)
    add_key(home, "archive@example.org", *options)
    return export(home)


def export(home: Path, *options: str) -> Path:
    """The public keyring of a GnuPG home, with all keys that it has now."""
    ring = home / "public.gpg"
    _gpg(home, "--yes", *options, "--output", str(ring), "--export")
    return ring


def add_key(home: Path, address: str, *options: str) -> None:
    """Make a signing key in a GnuPG home; its public keyring stays as it is."""
    who = f"Test archive <{address}>"
    words = ("--quick-generate-key", who, "ed25519", "sign", "never")
    _gpg(home, *options, "--passphrase", "", *words)


def fingerprint(home: Path) -> str:
    """The fingerprint of the first key in a GnuPG home."""
    lines = _gpg(home, "--with-colons", "--list-keys").splitlines()
    return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


def end_agents() -> None:
    """End the agents that gpg started for the homes of this process."""
    for home in _homes:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def _gpg(home: Path, *words: str) -> str:
    _homes.add(home)
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    return subprocess.run([*command, *words], check=True, capture_output=True, text=True).stdout


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
