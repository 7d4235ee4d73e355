"""Suites of archives, and those that this machine's own apt sources name (sources.list(5))."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backport.errors import MachineError

DEBIAN_MIRROR = "http://deb.debian.org"
"""Debian's own mirror, for a machine whose apt knows none, such as Ubuntu's."""

DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_OPTIONS = re.compile(r"^deb(-src)?\s+(\[[^\]]*\]\s+)?(?P<rest>.*)$")


@dataclass(frozen=True)
class Suite:
    """One suite of an archive, and the keyring that its signature is checked with.

    `keyring` None is for a local repository that is trusted as it is.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    keyring: Path | None

    def line(self, keys: Sequence[str] = ()) -> str:
        """The sources.list line (sources.list(5)).

        Parameters:
            keys: fingerprints; of all keys that apt trusts only these count, in place of the
                keyring's.
        """
        signed_by = ",".join(keys) or self.keyring
        option = f"signed-by={signed_by}" if self.keyring is not None else "trusted=yes"
        return f"deb [{option}] {self.uri} {self.suite} {' '.join(self.components)}".strip()


def machine_suites(
    suite: str, *, etc: Path = Path("/etc/apt"), keyring: Path = DEBIAN_KEYRING
) -> tuple[Suite, ...]:
    """Debian's `suite` and its security suite, from the mirrors that this machine itself uses.

    A machine that uses none gets Debian's own; nothing is added to the machine's sources.

    Parameters:
        suite: a Debian release's name, such as the stand-in's.
        etc: the folder of apt's configuration.
        keyring: the archive keyring that verifies the suites.

    Raises:
        MachineError: the keyring is not there.
    """
    main = security = ""
    for entry in _configured(etc):
        if "main" not in entry.components or not _may_be_debian(entry):
            continue
        if re.search(r"(-security|/updates)$", entry.suite):
            security = security or entry.uri
        elif re.fullmatch(r"[a-z]+", entry.suite):
            main = main or entry.uri
    if not main:
        main, security = f"{DEBIAN_MIRROR}/debian", f"{DEBIAN_MIRROR}/debian-security"
    if not keyring.is_file():
        raise MachineError(
            "Debian's archive keyring is missing",
            where=str(keyring),
            advice="run: sudo apt install debian-archive-keyring",
        )
    found = [Suite(main, suite, ("main",), keyring)]
    if security:
        found.append(Suite(security, f"{suite}-security", ("main",), keyring))
    return tuple(found)


def _configured(etc: Path) -> Iterator[Suite]:
    """Every suite of binary packages in apt's sources, both formats (sources.list(5))."""
    folder = etc / "sources.list.d"
    for path in [etc / "sources.list", *sorted(folder.glob("*.list"))]:
        if path.is_file():
            yield from _one_line(path.read_text())
    for path in sorted(folder.glob("*.sources")):
        yield from _deb822(path.read_text())


def _one_line(text: str) -> Iterator[Suite]:
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        match = _OPTIONS.match(line)
        if not match or match[1]:
            continue
        words = match["rest"].split()
        signed = re.search(r"signed-by=([^\s\]]+)", match[2] or "", re.IGNORECASE)
        if len(words) >= 2:
            keyring = Path(signed[1]) if signed else None
            yield Suite(words[0].rstrip("/"), words[1], tuple(words[2:]), keyring)


def _deb822(text: str) -> Iterator[Suite]:
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", plain):
        fields = {
            match[1].lower(): " ".join(match[2].split())
            for match in re.finditer(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" not in fields.get("types", "").split() or fields.get("enabled") == "no":
            continue
        signed = fields.get("signed-by", "")
        keyring = Path(signed) if signed.startswith("/") else None
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield Suite(uri.rstrip("/"), suite, components, keyring)


def _may_be_debian(entry: Suite) -> bool:
    scheme, path = urllib.parse.urlsplit(entry.uri).scheme, urllib.parse.urlsplit(entry.uri).path
    if scheme not in ("http", "https", "file", "copy", "mirror+http", "mirror+https"):
        return False
    if entry.keyring is not None and "debian-archive" not in entry.keyring.name:
        return False
    return bool(re.search(r"/debian(-security|-lts)?$", path))
