"""What goes over the wire: an answer, or the fault that was planned for the request."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from .faults import Fault

if TYPE_CHECKING:
    from .server import StandIn

SAYS = "a stand-in for tests, not Launchpad"


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
    server_version = "LaunchpadStandIn/1"
    sys_version = ""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        request = f"{self.command} {self.path}"
        self.standin.requests.append(request)
        fault = self.standin.faults.take(request)
        if fault is None:
            return self._send(self.standin.answer(self.command, self.path, self.headers, body))
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        answer = None
        if fault.after or fault.kind in ("slow", "truncated", "short"):
            answer = self.standin.answer(self.command, self.path, self.headers, body)
        return self._fail(fault, answer)

    # The names are http.server's.
    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _fail(self, fault: Fault, answer: Answer | None) -> None:
        match fault.kind:
            case "status":
                headers = dict(fault.headers)
                self._send(Answer(fault.status, fault.body.encode(), "text/plain", headers))
            case "json":
                self._send(Answer(200, fault.body.encode("latin-1"), "application/json"))
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
            case "truncated":
                assert answer
                self._send(answer, cut=len(answer.body) // 2)
            case "short":
                assert answer
                answer.body = answer.body[: len(answer.body) // 2]
                self._send(answer)
            case "slow":
                assert answer
                self._send(answer)

    def _send(self, answer: Answer, *, cut: int | None = None) -> None:
        try:
            self.send_response(answer.status)
            self.send_header("X-Stand-In", SAYS)
            if answer.status != 304:
                self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for key, value in answer.headers.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
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
