"""Patience under launchpadlib: every request passes here, and reads are tried again.

launchpadlib itself repeats a request of any kind at 502 and 503, six times, and nothing at 429,
500, 504, resets and time limits; httplib2 repeats one of any kind when the connection ends before
the answer. Here only what reads is repeated, after every passing fault and within bounds; what
writes is sent once. What remains is raised as `UnansweredError`, so that the repetitions of those
below never begin.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httplib2

from backport.launchpad.api.retry import Patience, UnansweredError

Request = Callable[..., tuple[Any, bytes]]

_PASSING = (429, 500, 502, 503, 504)
_WADL = "application/vnd.sun.wadl+xml"


class _SentOnce:
    """An httplib2 connection that says "reset" where httplib2 would send the request again."""

    def getresponse(self) -> Any:
        try:
            return super().getresponse()  # type: ignore[misc]
        except (http.client.BadStatusLine, http.client.ResponseNotReady) as error:
            raise ConnectionResetError(str(error)) from error


_CONNECTIONS = {
    "http": type("SentOnceHttp", (_SentOnce, httplib2.HTTPConnectionWithTimeout), {}),
    "https": type("SentOnceHttps", (_SentOnce, httplib2.HTTPSConnectionWithTimeout), {}),
}


class PatientRequest:
    """Takes the place of the `request` method of an httplib2.Http object.

    Parameters:
        connection: the object, whose own method is called.
        patience: the bounds.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        connection: httplib2.Http,
        patience: Patience,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._send: Request = connection.request
        self._patience = patience
        self._sleep = sleep

    def __call__(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> tuple[Any, bytes]:
        """Send the request, again if it only reads; the response and its body.

        Raises:
            UnansweredError: no usable answer came within the bounds.
        """
        accept = (headers or {}).get("Accept", "")
        reads = method in ("GET", "HEAD")
        if not reads:
            # A connection kept from before may have ended unnoticed; what writes gets a new one.
            self._connection.close()
        more.setdefault("connection_type", _CONNECTIONS[uri.partition(":")[0].lower()])
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            wait = self._patience.first_wait * 2 ** (attempt - 1)
            final = not reads
            try:
                # httplib2 adds to the headers that it is given.
                response, content = self._send(
                    uri, method=method, body=body, headers=dict(headers or {}), **more
                )
            except (OSError, http.client.HTTPException, httplib2.HttpLib2Error) as error:
                # A connection that broke off may still hold half of an old answer.
                self._connection.close()
                trouble = in_words(error)
                final = final or isinstance(error, ssl.SSLCertVerificationError)
            else:
                garbled = _garbled(response, content, accept)
                if response.status in _PASSING:
                    trouble = f"answered {response.status} {response.reason}".rstrip()
                    asked = _retry_after(response.get("retry-after", ""))
                    if asked is not None:
                        trouble += f" and asks to wait {asked:.0f} s"
                        wait = asked
                elif garbled:
                    trouble = garbled
                    self._forget(uri)
                else:
                    return response, content
            spent = time.monotonic() - started
            over = wait > self._patience.longest_wait or spent + wait > self._patience.total
            if final or over or attempt >= self._patience.attempts:
                times = f", {attempt} times" if attempt > 1 else ""
                raise UnansweredError(trouble + times)
            self._sleep(wait)

    def _forget(self, uri: str) -> None:
        """Take an unusable answer out of the cache: it would be served again at a 304."""
        cache = self._connection.cache
        if cache is not None:
            cache.delete(httplib2.urlnorm(uri)[3])


def reach(host: str, port: int, seconds: float) -> None:
    """Check that something listens there, within a time that covers the name's look-up too.

    The look-up has no time limit of its own (getaddrinfo(3)), so it runs in a thread.

    Raises:
        UnansweredError: nothing does.
    """
    result: list[str] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=seconds).close()
        except OSError as error:
            result.append(in_words(error))
        else:
            result.append("")

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    if not result:
        raise UnansweredError(f"cannot be reached: no answer within {seconds:.0f} s")
    if result[0]:
        raise UnansweredError(result[0])


def in_words(error: Exception) -> str:
    """What went wrong with a connection, as it goes on after the server's name."""
    match error:
        case ssl.SSLError():
            words = f"cannot be trusted: {error.reason or error}"
        case socket.gaierror() | httplib2.ServerNotFoundError():
            words = "cannot be reached: its name is not known here"
        case TimeoutError():
            words = "did not answer in time"
        case ConnectionRefusedError():
            words = "cannot be reached: the connection is refused"
        case ConnectionError() | http.client.HTTPException():
            words = "broke off the connection"
        case OSError():
            words = f"cannot be reached: {error.strerror or error}"
        case _:
            words = f"does not speak HTTP as expected ({type(error).__name__})"
    return words


def _retry_after(value: str) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3): a number or a date."""
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _garbled(response: Any, content: bytes, accept: str) -> str:
    """What is wrong with an answer that has a good status; "" if nothing is."""
    if response.status // 100 != 2 or not content:
        return ""
    kind = response.get("content-type", "").partition(";")[0].strip()
    if kind in ("text/html", "application/xhtml+xml") and accept in ("application/json", _WADL):
        return "answered with a web page instead of data"
    if kind == "application/json":
        try:
            json.loads(content)
        except (ValueError, RecursionError):
            return "answered with JSON that ends early or is damaged"
    if kind == _WADL and not content.rstrip().endswith(b"application>"):
        return "answered with a description of itself that ends early"
    return ""
