"""What this program prints: no text of others reaches a terminal or a log as a command to it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

# Control characters but line feed and tab, what turns the direction of a text (Unicode Technical
# Report 36), and halves of characters, which is how a byte that is no UTF-8 is kept.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str, *, lines: bool = True) -> str:
    r"""The text with every character that could command a terminal written out.

    Parameters:
        lines: leave line feeds and tabs; a name has none.

    >>> printable("1.0\x1b[2J\udce9\n")
    '1.0\\x1b[2J\\xe9\n'
    """
    shown = _CONTROL.sub(_written_out, text)
    return shown if lines else re.sub(r"[\n\t]", _written_out, shown)


def _written_out(match: re.Match[str]) -> str:
    number = ord(match[0])
    byte = number - 0xDC00 if 0xDC80 <= number <= 0xDCFF else number  # surrogateescape, PEP 383
    return f"\\x{byte:02x}" if byte < 0x100 else f"\\u{byte:04x}"


class _Filter:
    """A stream that writes what is printable; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self.unfiltered = stream
        self._refusal: OSError | None = None

    def write(self, text: str) -> int:
        try:
            self.unfiltered.write(printable(text))
        except OSError as error:
            self._refusal = error
            raise
        return len(text)

    def flush(self) -> None:
        """Write what is kept back; raises what `write` raised, which argparse hides."""
        if self._refusal is not None:
            raise self._refusal
        self.unfiltered.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unfiltered, name)


@contextmanager
def filtered() -> Iterator[None]:
    """Filter all that is printed: commands, errors and the parser of the command line."""
    # A stream that was closed before the program began is None.
    with (
        redirect_stdout(cast("TextIO", sys.stdout and _Filter(sys.stdout))),
        redirect_stderr(cast("TextIO", sys.stderr and _Filter(sys.stderr))),
    ):
        yield


def terminal(stream: TextIO) -> TextIO:
    """The stream below the filter, for what moves the cursor; it filters its own texts."""
    return cast("TextIO", getattr(stream, "unfiltered", stream))
