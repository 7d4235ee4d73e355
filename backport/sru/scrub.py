"""What must not leave the machine, and how it is taken out of logs: names, paths, secrets.

A log may be changed; a package may not, since its hash is the evidence: where one of them holds
what cannot stay, no evidence is made at all.
"""

from __future__ import annotations

import bz2
import configparser
import gzip
import io
import lzma
import os
import re
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backport import user_folders
from backport.system_packages import require

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|PRIVATE_?KEY", re.I)
# These identify nobody, though they may be some machine's name or home.
_NOBODY = ("localhost", "localhost.localdomain", "/", "/root", "/nonexistent")
_HOST = "HOST"
# What a packed file may have in it, in bytes, to be looked into.
MOST_UNPACKED = 256 << 20
_SHORTEST_SECRET = 6
# A short name is found by chance in compressed data.
_SHORTEST_IN_BINARY = 6

_PRIVATE_KEY = re.compile(
    r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----.*?(?:-----END \1-----|\Z)", re.S
)
_PATTERNS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("a private key", _PRIVATE_KEY, "[private key removed]"),
    (
        "a password in an address",
        re.compile(r"(?<=://)[^\s/:@\[\]'\"]+:[^\s/@'\"]+(?=@[A-Za-z0-9\[])"),
        "[removed]",
    ),
    (
        "an authorization",
        re.compile(
            r"(?i)(\bAuthorization['\"]?\s*[:=]\s*['\"]?)(?!\[removed\])[A-Za-z]+[ ][^\r\n'\"]{6,}"
        ),
        r"\1[removed]",
    ),
    (
        "a token",
        re.compile(
            r"(?i)(\b(?:oauth_token|oauth_token_secret|oauth_signature|access_token|api_?key"
            r"|access_secret)['\"]?\s*[:=]\s*['\"]?)(?!\[removed\])[A-Za-z0-9%._~+/-]{8,}"
        ),
        r"\1[removed]",
    ),
)


@dataclass(frozen=True)
class Needle:
    """A text that must not be in the evidence: what it is, and what takes its place."""

    text: str
    what: str
    instead: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds it as a whole word or path, so that no other word is torn.

        A path may stand behind an option (``--input=/path``, ``-I/path``), or below a chroot's.
        """
        if not self.text.startswith("/"):
            before = r"(?<![\w+=])"
        else:
            before = "" if self.text.count("/") > 1 else r"(?<![\w.+/-])"
        return re.compile(before + re.escape(self.text) + r"(?![\w+=-])")


def kept_secrets(path: Path) -> tuple[str, ...]:
    """The values in a file of Launchpad credentials; none where there is no such file."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text())
    except (OSError, UnicodeDecodeError, configparser.Error):
        return ()
    return tuple(
        value
        for section in parser.sections()
        for name, value in parser.items(section)
        if name in ("access_token", "access_secret")
    )


def needles(folders: Mapping[str, Path], secrets: Sequence[str] = ()) -> tuple[Needle, ...]:
    """What this machine and this user have that must not leave it; the longest comes first.

    Environment variables that are named like a secret are one.

    Parameters:
        folders: folders by the name that takes their place, such as ``WORK``.
        secrets: more values that must not be there.
    """
    every = [
        Needle(str(path), "a path of this machine", f"${name}") for name, path in folders.items()
    ]
    every.append(Needle(str(user_folders.home()), "the home path", "~"))
    host = socket.gethostname()
    names = {host, host.partition(".")[0]} - {"", *_NOBODY}
    every += [Needle(name, "the host name", _HOST) for name in names]
    values = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    every += [
        Needle(value, "a secret of the environment", "[removed]")
        for value in values | {*secrets}
        if len(value) >= _SHORTEST_SECRET and not Path(value).exists()
    ]
    return tuple(
        sorted({one for one in every if one.text}, key=lambda one: (-len(one.text), one.text))
    )


@dataclass(frozen=True)
class Scrubbed:
    """A file's content as it may leave the machine, and what was taken out, by kind."""

    content: bytes
    removed: Mapping[str, int]


def scrub(content: bytes, needles: Sequence[Needle]) -> Scrubbed:
    """Take out of a text all that must not leave the machine.

    Raises:
        ValueError: it is no text, and holds something that cannot be taken out; the message says
            what it is, never its value.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        if what := seen(content, needles):
            raise ValueError(what) from None
        return Scrubbed(content, {})
    removed: dict[str, int] = {}
    for needle in needles:
        if needle.text in text:
            # A secret is one wherever it stands; a name is one as a word only.
            if needle.instead == "[removed]":
                number = text.count(needle.text)
                text = text.replace(needle.text, needle.instead)
            else:
                instead = needle.instead
                text, number = needle.pattern.subn(lambda _, new=instead: new, text)  # type: ignore[misc]
            if number:
                removed[needle.what] = removed.get(needle.what, 0) + number
    for what, pattern, instead in _PATTERNS:
        text, number = pattern.subn(instead, text)
        if number:
            removed[what] = removed.get(what, 0) + number
    if what := _in_text(text, needles):
        raise ValueError(what)
    return Scrubbed(text.encode() if removed else content, removed)


def seen(content: bytes, needles: Sequence[Needle]) -> str:
    """What a file holds that must not leave the machine, compressed or not; "" for nothing.

    A file that cannot be changed is asked this. What names nobody may be there: the home of root,
    and a host name that is an ordinary word, as documentation has it too.

    Raises:
        ValueError: it is packed, and too large to be looked into.
    """
    identifying = _identifying(needles)
    for layer in _layers(content):
        try:
            what = _in_text(layer.decode("utf-8"), identifying)
        except UnicodeDecodeError:
            long = (one for one in identifying if len(one.text) >= _SHORTEST_IN_BINARY)
            what = next((one.what for one in long if one.text.encode() in layer), "")
        if what:
            return what
    return ""


def _identifying(needles: Sequence[Needle]) -> list[Needle]:
    """What a package may not hold: no home of root, no host name that is an ordinary word."""
    return [
        one
        for one in needles
        if one.text not in _NOBODY
        and (one.instead != _HOST or (len(one.text) >= 6 and not re.fullmatch("[a-z]+", one.text)))
    ]


def _in_text(text: str, needles: Sequence[Needle]) -> str:
    for needle in needles:
        secret = needle.instead == "[removed]"
        if needle.text in text and (secret or needle.pattern.search(text)):
            return needle.what
    return ""


def _layers(content: bytes) -> Iterator[bytes]:
    """A file, and what is packed in it: ar archives (such as .deb) and compressed files."""
    yield content
    if content.startswith(b"!<arch>\n"):
        place = 8
        while (number := content[place + 48 : place + 58].strip()).isdigit():
            size = int(number)
            yield from _layers(content[place + 60 : place + 60 + size])
            place += 60 + size + size % 2
        return
    for magic, opened in _PACKED.items():
        if content.startswith(magic):
            with suppress(OSError, EOFError, lzma.LZMAError, zlib.error):
                with opened(io.BytesIO(content)) as stream:
                    unpacked = stream.read(MOST_UNPACKED + 1)
                if len(unpacked) > MOST_UNPACKED:
                    raise ValueError(f"more than {MOST_UNPACKED >> 20} MiB when it is unpacked")
                yield unpacked


def _unzstd(content: io.BytesIO) -> io.BytesIO:
    """What zstd unpacks of it, so far as it is looked into."""
    with tempfile.TemporaryFile() as file:
        file.write(content.getbuffer())
        file.seek(0)
        command = [require("zstd"), "-q", "-d", "-c"]
        with subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            assert child.stdout is not None
            return io.BytesIO(child.stdout.read(MOST_UNPACKED + 1))


_PACKED: Mapping[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _unzstd,
}
