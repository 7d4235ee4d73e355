"""A file server on 127.0.0.1 that breaks connections and answers with errors when told to."""

from __future__ import annotations

import contextlib
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


@dataclass(frozen=True)
class Stall:
    """Send the headers, and nothing else for as long as the client waits."""


@dataclass
class FileServer:
    """What is served by path, the faults of the next requests in order, and what was asked.

    `etag` "" serves without a validator; then a client may not resume.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Cut | Status | Stall] = field(default_factory=list)
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
            if isinstance(fault, Stall):
                self.connection.recv(1)
                return
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
