"""A server that sends what a test says, byte for byte, whatever it is asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"


class RawServer:
    """The server, as a context manager; `url` is its address.

    Parameters:
        sent: what each connection gets, piece by piece; None repeats the piece before it until
            the client goes away.
        pause: the seconds after each piece.
    """

    def __init__(self, sent: Sequence[bytes | None], pause: float = 0.0) -> None:
        self._sent = sent
        self._pause = pause
        self._end = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        # A blocked accept() ends by this and not by close().
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._end.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5.0)
                connection.recv(65536)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        last = b""
        for piece in self._sent:
            while piece is None and not self._end.is_set():
                connection.sendall(last)
                self._end.wait(self._pause)
            last = piece or b""
            connection.sendall(last)
            self._end.wait(self._pause)
