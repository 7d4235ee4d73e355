"""A file server on 127.0.0.1 that breaks connections and answers with errors when told to."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Cut:
    """Close the connection after so many bytes of the body."""

    after: int


@dataclass(frozen=True)
class Status:
    """Answer with this status and no file."""

    code: int


@dataclass
class FileServer:
    """What is served by path, the faults of the next requests in order, and what was asked.

    `etag` "" serves without a validator; then a client may not resume.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Cut | Status] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    etag: str = '"one"'
    ranges: bool = True


@contextlib.contextmanager
def serve() -> Iterator[FileServer]:
    """Serve until the block ends."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted_range = self.headers.get("Range", "")
            state.requests.append((self.path, wanted_range))
            fault = state.faults.pop(0) if state.faults else None
            if isinstance(fault, Status):
                self.send_error(fault.code)
                return
            if self.path not in state.files:
                self.send_error(404)
                return
            body = state.files[self.path]
            start = 0
            if state.ranges and wanted_range and self.headers.get("If-Range") == state.etag:
                start = int(wanted_range.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(body) - start))
            if state.etag:
                self.send_header("ETag", state.etag)
            self.end_headers()
            end = start + fault.after if fault else len(body)
            self.wfile.write(body[start:end])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _FtpSession(socketserver.StreamRequestHandler):
    """The few commands of RFC 959 that a download uses."""

    server: _FtpServer

    def handle(self) -> None:
        self._say("220 ready")
        listener = socket.create_server(("127.0.0.1", 0))
        for raw in self.rfile:
            command, _, argument = raw.decode().strip().partition(" ")
            self.server.commands.append(f"{command} {argument}".strip())
            match command.upper():
                case "USER" | "PASS":
                    self._say("230 welcome")
                case "TYPE" | "CWD":
                    self._say("200 done")
                case "PASV":
                    port = listener.getsockname()[1]
                    self._say(f"227 entering (127,0,0,1,{port >> 8},{port & 255})")
                case "SIZE" if argument in self.server.files:
                    self._say(f"213 {len(self.server.files[argument])}")
                case "SIZE":
                    self._say("550 no such file")
                case "RETR":
                    self._send(listener, argument)
                case "QUIT":
                    self._say("221 bye")
                    break
                case _:
                    self._say("502 unknown")
        listener.close()

    def _send(self, listener: socket.socket, name: str) -> None:
        if name not in self.server.files:
            self._say("550 no such file")
            return
        body = self.server.files[name]
        self._say(f"150 here it is ({len(body)} bytes)")
        end = self.server.cuts.pop(0) if self.server.cuts else len(body)
        connection, _ = listener.accept()
        connection.sendall(body[:end])
        connection.close()
        self._say("226 done")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _FtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FtpSession)
        self.files: dict[str, bytes] = {}
        self.cuts: list[int] = []
        self.commands: list[str] = []

    @property
    def url(self) -> str:
        return f"ftp://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def serve_ftp() -> Iterator[_FtpServer]:
    """An FTP server until the block ends; `cuts` ends the next transfers after so many bytes."""
    server = _FtpServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
