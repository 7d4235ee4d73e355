"""A server that sends what a test says, byte for byte, whatever it is asked."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Sequence

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"


class RawServer(socketserver.TCPServer):
    """The server, as a context manager; `url` is its address.

    Parameters:
        sent: what each connection gets, piece by piece; None repeats the piece before it until
            the client goes away.
        pause: the seconds after each piece.
    """

    def __init__(self, sent: Sequence[bytes | None], pause: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.sent = sent
        self.pause = pause
        self.ended = threading.Event()
        self.connections = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()


class _Answer(socketserver.BaseRequestHandler):
    server: RawServer

    def handle(self) -> None:
        self.server.connections += 1
        last = b""
        with contextlib.suppress(OSError):
            self.request.settimeout(5.0)
            self.request.recv(65536)
            for piece in self.server.sent:
                while piece is None and not self.server.ended.is_set():
                    self._send(last)
                last = piece or b""
                self._send(last)

    def _send(self, piece: bytes) -> None:
        self.request.sendall(piece)
        self.server.ended.wait(self.server.pause)
