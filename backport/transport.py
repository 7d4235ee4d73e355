"""HTTP with limits: how long an answer may take, how large it may be, how often it is asked for.

What another server sends is bounded in time and size, headers included, so that neither an
endless answer nor one of a byte a second holds a run. Only http and https are spoken. What reads
is repeated after a passing fault; what writes is sent once.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from backport.engine import process
from backport.errors import RemoteError

T = TypeVar("T")
MIB = 1024 * 1024
# The statuses of faults that pass: a time-out, too many requests, a server that is broken.
PASSING = frozenset({408, 429, 500, 502, 503, 504})
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """What is asked of a server's patience and ours; times in seconds, `size` in bytes.

    Parameters:
        connect: for reaching the server at all.
        silence: the longest time without a byte.
        total: for one request with its whole answer, and before which the last repetition begins.
        size: of one answer, its headers included.
        attempts: how often a request is sent, the first time included.
        first_wait: before the third attempt (the second follows at once); it doubles each time.
        longest_wait: the most that a server may ask for (Retry-After).
    """

    connect: float = 4.0
    silence: float = 20.0
    total: float = 60.0
    size: int = 64 * MIB
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 30.0


class UnansweredError(RemoteError):
    """No usable answer came; `what` goes on after the server's name, as in "answered 503".

    Parameters:
        passing: whether another attempt may go well.
        status: the HTTP status; 0 where there is none.
        wait: the seconds that the server asks to wait; None if it does not.
    """

    def __init__(
        self,
        what: str,
        *,
        advice: str = "",
        passing: bool = False,
        status: int = 0,
        wait: float | None = None,
    ) -> None:
        super().__init__(what, advice=advice)
        self.passing = passing
        self.status = status
        self.wait = wait


class _BoundsError(http.client.HTTPException):
    """The answer does not keep to its bounds; the text says how."""


class _BoundedReader(io.RawIOBase):
    """What a socket sends, until a moment and up to a size."""

    def __init__(self, source: socket.socket, limits: Limits) -> None:
        self._socket = source
        self._raw = source.makefile("rb", buffering=0)
        self._silence = limits.silence
        self._end = time.monotonic() + limits.total
        self._left = limits.size
        self._forget = process.current().on_stop(self._break_off)

    def _break_off(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(left, self._silence))
        count = self._raw.readinto(buffer) or 0
        self._left -= count
        if self._left < 0:
            raise _BoundsError("sends more than the limit")
        return int(count)

    def close(self) -> None:
        if not self.closed:
            self._forget()
        self._raw.close()
        super().close()


class Response(http.client.HTTPResponse):
    """An answer within `limits`.

    `coded` is whether it may be compressed: what unpacks it has to have a limit of its own.
    """

    limits = Limits()
    coded = False

    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_BoundedReader(sock, self.limits))

    def begin(self) -> None:
        """Read the headers."""
        super().begin()
        if self.headers.get("Content-Encoding", "identity") != "identity" and not self.coded:
            # Nobody asked for it, and unpacked it could have any size.
            raise _BoundsError("sends a compressed answer, which was not asked for")

    def pieces(self) -> Iterator[bytes]:
        """The body.

        Raises:
            UnansweredError: it breaks off, takes too long or is too large.
        """
        while True:
            try:
                piece = self.read(_PIECE)
            except (OSError, http.client.HTTPException) as error:
                raise failure(error) from error
            if not piece:
                break
            yield piece
        if self.length:
            raise failure(http.client.IncompleteRead(b""))


def bounded(kind: type[Any], limits: Limits, *, coded: bool = False) -> Any:
    """A subclass of one of http.client's connections whose answers are each a `Response`."""
    own = type("Response", (Response,), {"limits": limits, "coded": coded})
    return type(f"Bounded{kind.__name__}", (kind,), {"response_class": own})


class _Bounded(urllib.request.HTTPSHandler):
    """Opens http and https, with limits."""

    def __init__(self, limits: Limits, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._limits, self._given = limits, context

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(bounded(http.client.HTTPConnection, self._limits, coded=True), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        kind = bounded(http.client.HTTPSConnection, self._limits, coded=True)
        return self.do_open(kind, req, context=self._given)

    http_request = urllib.request.HTTPSHandler.https_request


@contextmanager
def opened(
    url: str,
    limits: Limits,
    *,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[Response]:
    """Ask for a URL once; through the proxy of the environment, where there is one.

    Raises:
        UnansweredError: there is no answer, or one that is no success.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _Bounded(limits, context or ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    try:
        request = urllib.request.Request(url, headers=dict(headers or {}))
        response = opener.open(request, timeout=limits.connect)
    except urllib.error.HTTPError as error:
        error.close()
        raise UnansweredError(
            f"answered {error.code} {error.reason}".rstrip(),
            passing=error.code in PASSING,
            status=error.code,
            wait=retry_after(error.headers.get("Retry-After", "")),
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise failure(error) from error
    with response:
        yield response


def content(url: str, limits: Limits, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """A file's content; a web page in its place is an error.

    Raises:
        UnansweredError: no usable answer came within the limits; `status` is 404 where the server
            does not have it.
    """

    def attempt() -> bytes:
        with opened(url, limits) as answer:
            body = b"".join(answer.pieces())
            if "html" in answer.headers.get_content_type() or is_html(body):
                raise UnansweredError("answered with a web page instead of the file", passing=True)
            return body

    return repeat(attempt, limits, sleep)


def is_html(start: bytes) -> bool:
    """Whether a file begins as a web page does."""
    return start[:200].lstrip().lower().startswith((b"<!doctype html", b"<html", b"<?xml"))


def repeat(
    attempt: Callable[[], T], limits: Limits, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Call `attempt` until it gives an answer; only for what reads.

    Raises:
        UnansweredError: of `attempt`, if it does not pass or the limits are reached.
    """
    started = time.monotonic()
    usual = 0.0
    for tries in range(1, limits.attempts + 1):
        try:
            return attempt()
        except UnansweredError as error:
            wait = usual if error.wait is None else error.wait
            spent = time.monotonic() - started
            final = not error.passing or tries == limits.attempts or process.current().stopped
            if final or wait > limits.longest_wait or spent + wait > limits.total:
                if tries > 1:
                    error.what += f", {tries} times"
                raise
        sleep(wait)
        usual = min(usual * 2 or limits.first_wait, limits.longest_wait)
    raise AssertionError("the last attempt has returned or raised")


def retry_after(value: str) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3); None for none."""
    from urllib3.exceptions import InvalidHeader  # noqa: PLC0415
    from urllib3.util.retry import Retry  # noqa: PLC0415

    try:
        return min(1e9, Retry().parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def failure(error: Exception) -> UnansweredError:
    """The error for a connection that failed."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    passing = True
    match reason:
        case _BoundsError():
            words, passing = str(reason), False
        case ssl.SSLError():
            words = f"cannot be trusted: {reason.reason or reason}"
            passing = not isinstance(reason, ssl.SSLCertVerificationError)
        case socket.gaierror():
            words = "cannot be reached: its name is not known here"
        case TimeoutError():
            words = "did not answer in time"
        case ConnectionRefusedError():
            words = "cannot be reached: the connection is refused"
        case http.client.InvalidURL() | ValueError() | str():
            words, passing = f"has no address that can be asked ({reason})", False
        case ConnectionError() | http.client.HTTPException():
            words = "broke off the connection"
        case OSError():
            words = f"cannot be reached: {reason.strerror or reason}"
        case _:
            words = f"does not speak HTTP as expected ({type(reason).__name__})"
    return UnansweredError(words, passing=passing)
