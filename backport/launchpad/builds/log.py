"""The end of a log on Launchpad: fetched, unpacked, and known for what it is not.

Logs are kept gzipped and served as such, or unpacked by the server on the way; a page of an error
or of a login can be in their place.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from backport import transport
from backport.transport import MIB, Limits, Response, UnansweredError

_LARGEST = 256 * MIB  # unpacked: a log that is larger is not read to its end
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Tail:
    """The last lines of a log; `trouble` says why there are none, or not the last ones."""

    lines: tuple[str, ...]
    trouble: str = ""

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def fetch(
    url: str, lines: int, limits: Limits, sleep: Callable[[float], None] = time.sleep
) -> Tail:
    """The last `lines` lines of a log; never an error, since the log is no reason to stop.

    Parameters:
        url: its address; "" gives a tail that says that there is none.
        limits: of each request.
    """
    if not url:
        return Tail((), "there is no log")
    last = Tail(())

    def attempt() -> Tail:
        nonlocal last
        with transport.opened(url, limits) as answer:
            last = _read(answer, lines)
        if last.trouble:
            raise UnansweredError(last.trouble, passing=True)
        return last

    try:
        return transport.repeat(attempt, limits, sleep)
    except UnansweredError as error:
        if last.lines:
            return last
        server = "" if last.trouble else "the server "
        return Tail((), f"the log cannot be read: {server}{error.what}")


def _read(answer: Response, count: int) -> Tail:
    if "html" in answer.headers.get_content_type():
        return Tail((), "a web page is in its place")
    last: deque[bytes] = deque(maxlen=count)
    trouble = ""
    rest = b""
    unpack: zlib._Decompress | None = None
    size = 0
    try:
        for number, piece in enumerate(answer.pieces()):
            if number == 0 and piece.startswith(_GZIP):
                unpack = zlib.decompressobj(wbits=31)
            plain = unpack.decompress(piece) if unpack else piece
            if size == 0 and transport.is_html(plain):
                return Tail((), "a web page is in its place")
            size += len(plain)
            *whole, rest = (rest + plain).split(b"\n")
            last.extend(whole)
            if size > _LARGEST:
                return Tail(_decoded(last, rest), "it is too large to be read whole")
    except UnansweredError:
        trouble = "it ends early"
    except zlib.error:
        return Tail(_decoded(last, rest), "it is damaged")
    if unpack is not None and not unpack.eof:
        trouble = "it ends early"
    return Tail(_decoded(last, rest), trouble)


def _decoded(last: deque[bytes], rest: bytes) -> tuple[str, ...]:
    if rest:
        last.append(rest)
    return tuple(line.decode("utf-8", "replace").rstrip("\r") for line in last)
