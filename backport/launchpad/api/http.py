"""Limits and repetitions under launchpadlib: every request of it passes here.

launchpadlib and httplib2 repeat what writes, too, and not after every passing fault. Here only what
reads is repeated, within the limits. What remains is raised as `UnansweredError`, so that the
repetitions of those below never begin. A repetition is signed anew: Launchpad takes a nonce once.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

import httplib2

from backport import transport
from backport.transport import Limits, UnansweredError

_WADL = "application/vnd.sun.wadl+xml"


class _SentOnce:
    """An httplib2 connection that says "reset" where httplib2 would send the request again."""

    def getresponse(self) -> Any:
        try:
            return super().getresponse()  # type: ignore[misc]
        except (http.client.BadStatusLine, http.client.ResponseNotReady) as error:
            raise ConnectionResetError(str(error)) from error


class LimitedRequest:
    """Takes the place of the `request` method of an httplib2.Http object.

    Parameters:
        connection: the object, whose own method is called.
        limits: of each request.
    """

    def __init__(self, connection: httplib2.Http, limits: Limits) -> None:
        self._connection = connection
        self._send: Callable[..., tuple[Any, bytes]] = connection.request
        self._limits = limits
        self._kinds = {
            scheme: type("SentOnce", (_SentOnce, transport.bounded(kind, limits)), {})
            for scheme, kind in (
                ("http", httplib2.HTTPConnectionWithTimeout),
                ("https", httplib2.HTTPSConnectionWithTimeout),
            )
        }

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
            UnansweredError: no usable answer came within the limits.
        """
        more.setdefault("connection_type", self._kinds.get(uri.partition(":")[0].lower()))
        # Compressed it could unpack to any size.
        sent = {**(headers or {}), "Accept-Encoding": "identity"}

        def attempt() -> tuple[Any, bytes]:
            # httplib2 adds to the headers that it is given.
            return self._once(uri, method=method, body=body, headers=dict(sent), **more)

        if method in ("GET", "HEAD"):
            return transport.repeat(attempt, self._limits)
        # A connection kept from before may have ended unnoticed; what writes gets a new one.
        self._connection.close()
        return attempt()

    def _once(self, uri: str, **request: Any) -> tuple[Any, bytes]:
        try:
            response, content = self._send(uri, **request)
        except httplib2.ServerNotFoundError as error:
            raise transport.failure(socket.gaierror()) from error
        except (OSError, http.client.HTTPException, httplib2.HttpLib2Error) as error:
            # A connection that broke off may still hold half of an old answer.
            self._connection.close()
            raise transport.failure(error) from error
        if response.status in transport.PASSING:
            what = f"answered {response.status} {response.reason}".rstrip()
            wait = transport.retry_after(response.get("retry-after", ""))
            if wait is not None:
                what += f" and asks to wait {wait:.0f} s"
            raise UnansweredError(what, passing=True, status=response.status, wait=wait)
        if garbled := _garbled(response, content, request["headers"].get("Accept", "")):
            if self._connection.cache is not None:  # it would be served again at a 304
                self._connection.cache.delete(httplib2.urlnorm(uri)[3])
            raise UnansweredError(garbled, passing=True)
        return response, content


def _garbled(response: Any, content: bytes, accept: str) -> str:
    """What is wrong with an answer that has a good status; "" if nothing is."""
    if response.status // 100 != 2 or not content:
        return ""
    kind = response.get("content-type", "").partition(";")[0].strip()
    if kind == "text/html" and accept in ("application/json", _WADL):
        return "answered with a web page instead of data"
    try:
        if kind == "application/json":
            json.loads(content)
        if kind == _WADL and not content.rstrip().endswith(b"application>"):
            raise ValueError
    except (ValueError, RecursionError):
        return f"answered with {'JSON' if kind != _WADL else 'WADL'} that ends early or is damaged"
    return ""
