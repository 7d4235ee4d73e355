"""What goes over the wire: an answer, or the fault that was planned for the request."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .server import StandIn

Kind = Literal["status", "reset", "close", "truncated", "html", "short", "json"]


@dataclass
class Fault:
    """One thing that goes wrong.

    `kind`: ``status`` answers with `status` and `body`; ``reset`` breaks the connection, ``close``
    ends it without an answer; ``truncated`` sends half of the body under the full length;
    ``short`` sends half of the body as if it were whole; ``html`` answers 200 with a web page;
    ``json`` answers 200 with `body` as JSON, a character for each byte.
    `on` is a pattern that is searched in ``METHOD /path?query``. `times` is how often, -1 for
    ever. With `after` the request is carried out first, and only the answer goes wrong.
    """

    kind: Kind
    on: str = ""
    times: int = 1
    status: int = 503
    body: str = "the stand-in was told to fail"
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False


class Faults:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Queue faults; the first that matches a request is taken."""
        with self._lock:
            self._waiting += faults

    def take(self, request: str) -> Fault | None:
        """The fault for `request`, which is then used up by one."""
        with self._lock:
            for fault in self._waiting:
                if fault.times != 0 and re.search(fault.on, request):
                    fault.times -= 1
                    return fault
        return None

    def clear(self) -> None:
        """Forget the faults that are left: from now on all goes well."""
        with self._lock:
            self._waiting.clear()

    def left(self) -> list[Fault]:
        """The faults that no request has met (those of "for ever" are not counted)."""
        with self._lock:
            return [fault for fault in self._waiting if fault.times > 0]


@dataclass
class Answer:
    """A response before it is sent."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    """Sends what the stand-in answers, or the fault that is planned for the request."""

    standin: StandIn
    protocol_version = "HTTP/1.1"
    # The head and the body are written one by one: each answer would wait 40 ms.
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        request = f"{self.command} {self.path}"
        self.standin.requests.append(request)
        fault = self.standin.faults.take(request)
        if fault is None:
            return self._send(self.standin.answer(self.command, self.path, self.headers, body))
        answer = None
        if fault.after or fault.kind in ("truncated", "short"):
            answer = self.standin.answer(self.command, self.path, self.headers, body)
        return self._fail(fault, answer)

    # The names are http.server's.
    do_GET = do_POST = do_PATCH = _serve  # noqa: N815

    def _fail(self, fault: Fault, answer: Answer | None) -> None:
        half = len(answer.body) // 2 if answer else 0
        match fault.kind:
            case "status":
                headers = dict(fault.headers)
                self._send(Answer(fault.status, fault.body.encode(), "text/plain", headers))
            case "json":
                self._send(Answer(200, fault.body.encode("latin-1")))
            case "html":
                page = b"<!DOCTYPE html><html><body><h1>Please try again</h1></body></html>"
                self._send(Answer(200, page, "text/html;charset=utf-8"))
            case "reset":
                # A linger time of zero makes close() send RST (socket(7), SO_LINGER).
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
                self.rfile.close()
            case "close":
                self.close_connection = True
            case "truncated" if answer:
                self._send(answer, cut=half)
            case "short" if answer:
                self._send(replace(answer, body=answer.body[:half]))

    def _send(self, answer: Answer, *, cut: int | None = None) -> None:
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for key, value in answer.headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(answer.body[:cut])
            if cut is not None:
                self.close_connection = True
        except OSError:
            self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, from a clock that may be off (`StandIn.clock_offset`, in seconds)."""
        return super().date_time_string((timestamp or time.time()) + self.standin.clock_offset)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the requests are kept in `StandIn.requests`."""
