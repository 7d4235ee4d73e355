"""The end of a log on Launchpad: fetched, unpacked, and known for what it is not.

Logs are kept gzipped and served as such, or unpacked by the server on the way; a page of an error
or of a login can be in their place.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from backport.launchpad.api.http import in_words
from backport.launchpad.api.retry import Patience

_PASSING = (429, 500, 502, 503, 504)
_LARGEST = 256 * 1024 * 1024  # bytes, unpacked: a log that is larger is not read to its end
_PIECE = 64 * 1024
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
    url: str,
    lines: int,
    patience: Patience,
    sleep: Callable[[float], None] = time.sleep,
) -> Tail:
    """The last `lines` lines of a log; never an error, since the log is no reason to stop.

    Parameters:
        url: its address; "" gives a tail that says that there is none.
        patience: the bounds of waiting and repeating.
    """
    if not url:
        return Tail((), "there is no log")
    trouble = ""
    for attempt in range(patience.attempts):
        if attempt:
            sleep(min(patience.longest_wait, patience.first_wait * 2 ** (attempt - 1)))
        try:
            with urllib.request.urlopen(url, timeout=patience.answer) as response:
                tail = _read(response, lines)
        except urllib.error.HTTPError as error:
            trouble = f"the server answered {error.code}"
            error.close()
            if error.code not in _PASSING:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            cause = reason if isinstance(reason, Exception) else error
            trouble = f"the server {in_words(cause)}"
        else:
            if not tail.trouble:
                return tail
            trouble = tail.trouble
            if tail.lines and attempt + 1 == patience.attempts:
                return tail
    return Tail((), f"the log cannot be read: {trouble}")


def _read(response: http.client.HTTPResponse, count: int) -> Tail:
    if "html" in (response.headers.get_content_type() or ""):
        return Tail((), "a web page is in its place")
    last: deque[bytes] = deque(maxlen=count)
    trouble = ""
    rest = b""
    unpack: zlib._Decompress | None = None
    first = True
    size = 0
    while True:
        try:
            piece = response.read(_PIECE)
        except http.client.IncompleteRead as error:
            piece, trouble = error.partial, "it ends early"
        if first and piece:
            first = False
            if piece.startswith(_GZIP):
                unpack = zlib.decompressobj(wbits=31)
            elif _is_html(piece):
                return Tail((), "a web page is in its place")
        try:
            plain = unpack.decompress(piece) if unpack else piece
        except zlib.error:
            return Tail(_decoded(last, rest), "it is damaged")
        if size == 0 and unpack and _is_html(plain):
            return Tail((), "a web page is in its place")
        size += len(plain)
        *whole, rest = (rest + plain).split(b"\n")
        last.extend(whole)
        if not piece or trouble or size > _LARGEST:
            break
    if unpack is not None and not unpack.eof and not trouble:
        trouble = "it ends early" if size <= _LARGEST else "it is too large to be read whole"
    return Tail(_decoded(last, rest), trouble)


def _is_html(start: bytes) -> bool:
    return start.lstrip()[:200].lower().startswith((b"<!doctype html", b"<html", b"<?xml"))


def _decoded(last: deque[bytes], rest: bytes) -> tuple[str, ...]:
    if rest:
        last.append(rest)
    lines = (line.decode("utf-8", "replace").rstrip("\r") for line in last)
    # What comes from outside must not move the cursor or change the terminal's state.
    return tuple("".join(c if c.isprintable() or c == "\t" else "?" for c in one) for one in lines)
