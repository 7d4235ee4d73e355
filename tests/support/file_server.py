"""A file server on 127.0.0.1 that breaks connections and answers with errors when told to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


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

    Files of `folder` are served too; of paths that have `cut` in them half is sent.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Cut | Status | Stall] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    folder: Path | None = None
    cut: str = ""

    def body(self, path: str) -> bytes | None:
        """What is served under a path."""
        file = self.folder / unquote(path).lstrip("/") if self.folder else Path()
        return file.read_bytes() if file.is_file() else self.files.get(path)


@contextlib.contextmanager
def serve(folder: Path | None = None, cut: str = "") -> Iterator[FileServer]:
    """Serve until the block ends."""
    state = FileServer(folder=folder, cut=cut)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            fault = state.faults.pop(0) if state.faults else None
            if isinstance(fault, Status):
                self.send_error(fault.code)
                return
            body = state.body(self.path)
            if body is None:
                self.send_error(404)
                return
            if state.cut and state.cut in self.path:
                fault = Cut(len(body) // 2)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if isinstance(fault, Stall):
                self.connection.recv(1)
                return
            with contextlib.suppress(ConnectionError):  # a client whose disk is full hangs up
                self.wfile.write(body[: fault.after if fault else len(body)])
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
