"""The FTP server: anonymous, a folder a connection."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from .intake import Intake


class FtpServer:
    """The server, as a context manager; `address` is what the toolkit takes.

    `fail_with` answers what would store a file whose name has `fail_in`, `failures` times; -1 is
    for ever.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.fail_with = self.fail_in = ""
        self.failures = -1
        self.home = Path(tempfile.mkdtemp(prefix="ftp-stand-in-"))
        self._loop = IOLoop()
        handler = type("Handler", (_Handler,), {"owner": self})
        authorizer = DummyAuthorizer()
        authorizer.add_anonymous(str(self.home))
        authorizer.user_table["anonymous"]["perm"] = "elrwm"
        handler.authorizer = authorizer
        handler.dtp_handler = type("Data", (_Data,), {"owner": self})
        self._server = FTPServer(("127.0.0.1", 0), handler, ioloop=self._loop)
        self.address = f"ftp://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._loop.loop(timeout=0.02, blocking=False)

    def __enter__(self) -> FtpServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._server.close_all()
        shutil.rmtree(self.home)


class _Handler(FTPHandler):  # type: ignore[misc]
    owner: FtpServer
    use_sendfile = False

    def on_connect(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.owner.home))

    def on_login(self, _username: str) -> None:
        # Every connection sees a folder of its own as the root.
        self.fs = AbstractedFS(str(self.folder), self)

    def ftp_CWD(self, path: str) -> Any:  # noqa: N802 - the name is pyftpdlib's
        Path(path).mkdir(parents=True, exist_ok=True)
        return super().ftp_CWD(path)

    def ftp_STOR(self, file: str, mode: str = "w") -> Any:  # noqa: N802
        if self.owner.fail_with and self.owner.fail_in in file and self.owner.failures:
            self.owner.failures -= 1
            self.respond(self.owner.fail_with)
            return None
        return super().ftp_STOR(file, mode)

    def on_disconnect(self) -> None:
        self.owner.intake.ended(self.folder)


class _Data(DTPHandler):  # type: ignore[misc]
    owner: FtpServer

    def handle_read(self) -> None:
        name = getattr(self.file_obj, "name", "")
        if self.file_obj is not None and self.owner.intake.breaks(str(name)):
            half = self.recv(512)
            self.file_obj.write(half[: len(half) // 2])
            self.file_obj.flush()
            handler = self.cmd_channel
            self.close()
            handler.close()
            return
        super().handle_read()

    # pyftpdlib calls it by this name.
    handle_read_event = handle_read
