"""What happens to the files of a connection: signatures, hashes, rules, then the PPA's world."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
import threading
from pathlib import Path, PurePosixPath

from debian.deb822 import Changes, Dsc

from tests.support.launchpad_server.world_ppa import Arrived, Ppas, RejectedError


class Intake:
    """Takes what came in; `keyring` is a GNUPGHOME with the keys that Launchpad knows.

    `sessions` lists what each connection brought, as names of files; without `verifies` no
    signature can be verified. `cut` names a part of a file's name after whose
    first half the connection breaks, once.
    """

    def __init__(self, ppas: Ppas, keyring: Path) -> None:
        self.ppas = ppas
        self.sessions: list[list[str]] = []
        self.verifies = True
        self.cut = ""
        self._keyring = keyring
        self._lock = threading.Lock()

    def breaks(self, name: str) -> bool:
        """Whether the connection is to break in the middle of this file; only once."""
        with self._lock:
            if self.cut and self.cut in name:
                self.cut = ""
                return True
        return False

    def ended(self, folder: Path) -> None:
        """A connection has ended: process every .changes that it brought, in its folder."""
        with self._lock:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            self.sessions.append([str(path.relative_to(folder)) for path in files])
            for changes in files:
                if changes.suffix == ".changes":
                    self._process(changes, PurePosixPath(changes.parent.relative_to(folder)))

    def _process(self, changes: Path, place: PurePosixPath) -> None:
        signer = self._signer(changes)
        if not signer:
            self.ppas.dropped.append(f"{changes.name}: its signature cannot be verified")
            return
        try:
            self.ppas.receive(place, self._checked(changes, signer))
        except RejectedError as error:
            self.ppas.mails.append(f"{changes.name}: {error}")

    def _checked(self, changes: Path, signer: str) -> Arrived:
        """The upload, once its signatures and hashes are right."""
        fields = Changes(changes.read_bytes())
        files = {}
        for entry in fields["Checksums-Sha256"]:
            path = changes.parent / str(entry["name"])
            files[path.name] = content = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(content).hexdigest() != entry["sha256"]:
                raise RejectedError(f"File {path.name} is not the file that the changes lists.")
        (described,) = (name for name in files if name.endswith(".dsc"))
        if self._signer(changes.parent / described) != signer:
            raise RejectedError(f"File {described} is signed by somebody else.")
        dsc = Dsc(files[described])
        for entry in dsc["Checksums-Sha256"]:
            if hashlib.sha256(files.get(str(entry["name"]), b"")).hexdigest() != entry["sha256"]:
                raise RejectedError(f"Unable to find {entry['name']} in upload or distribution.")
        return Arrived(
            source=str(fields["Source"]),
            version=str(fields["Version"]),
            series=str(fields["Distribution"]),
            signer=signer,
            files=files,
            binaries=tuple(word.strip() for word in str(dsc["Binary"]).split(",")),
        )

    def _signer(self, path: Path) -> str:
        """The fingerprint of the primary key that signed a file, as gpg says it; "" for none."""
        with tempfile.TemporaryDirectory() as name:
            out = Path(name) / "text"
            command = ["gpg", "--homedir", str(self._keyring), "--batch", "--no-tty"]
            command += ["--no-autostart", "--status-fd", "1", "--output", str(out), "--verify"]
            command.append(str(path))
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        valid = re.search(r"^\[GNUPG:\] VALIDSIG .* ([0-9A-F]{40})$", done.stdout, re.MULTILINE)
        return valid[1] if valid and done.returncode == 0 and self.verifies else ""
