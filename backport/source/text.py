"""Text of source packages: bytes that are no UTF-8 and line ends stay as they are."""

from __future__ import annotations

from pathlib import Path

from debian.deb822 import Deb822


def read_text(path: Path) -> str:
    """The text of a file; `write_text` gives back the same bytes (PEP 383)."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def write_text(path: Path, text: str) -> None:
    """Write what `read_text` has read, as it is or edited."""
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def not_utf8(text: str, file: str) -> tuple[str, ...]:
    """What a reviewer is told of a text that is not UTF-8 (Debian Policy 5.1): its first line."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
            return (f"{file}, line {number}, is not UTF-8; its bytes stay as they are",)
    return ()


def control_paragraphs(text: str) -> list[Deb822]:
    """The paragraphs of a control file, to look at, with a ``?`` for a byte that is no UTF-8."""
    known = text.encode("utf-8", "replace").decode("utf-8")
    return list(Deb822.iter_paragraphs(known, use_apt_pkg=False))
