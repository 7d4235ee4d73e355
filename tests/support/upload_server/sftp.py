"""The SFTP server: logs in with a key, a folder a connection, no attributes of files."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import asyncssh

from .intake import Intake


class SftpServer:
    """The server, as a context manager.

    `address` is what the toolkit takes, `options` are the ssh options with the client's key and
    the server's, one a line.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.users: list[str] = []
        self.home = Path(tempfile.mkdtemp(prefix="sftp-stand-in-"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client, self._host = (asyncssh.generate_private_key("ssh-ed25519") for _ in "ab")
        key = self.home / "id"
        key.write_bytes(self._client.export_private_key())
        key.chmod(0o600)

    def __enter__(self) -> SftpServer:
        self._thread.start()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(20)
        port = self._acceptor.get_port()
        self.address = f"sftp://127.0.0.1:{port}"
        known = self.home / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {self._host.export_public_key().decode()}")
        self.options = f"IdentityFile={self.home}/id\nUserKnownHostsFile={known}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self.home)

    async def _listen(self) -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Login(self),
            server_host_keys=[self._host],
            authorized_client_keys=asyncssh.import_authorized_keys(
                self._client.export_public_key().decode()
            ),
            sftp_factory=lambda channel: _Files(self, channel),
            allow_scp=False,
        )

    async def _close(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()


class _Login(asyncssh.SSHServer):
    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def begin_auth(self, username: str) -> bool:
        self._server.users.append(username)
        return True


class _Files(asyncssh.SFTPServer):
    def __init__(self, server: SftpServer, channel: Any) -> None:
        self._intake = server.intake
        self._folder = Path(tempfile.mkdtemp(dir=server.home))
        super().__init__(channel)

    def open(self, path: bytes, _pflags: int, _attrs: Any) -> Any:
        place = self._folder / os.path.normpath("/" + path.decode()).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("wb+")

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if self._intake.breaks(file_obj.name):
            file_obj.write(data[: len(data) // 2])
            file_obj.close()
            self.channel.get_connection().abort()
            raise asyncssh.SFTPConnectionLost("told to break")
        file_obj.seek(offset)
        return int(file_obj.write(data))

    def realpath(self, path: bytes) -> bytes:
        return path

    def _told(self, _of: Any) -> Any:
        return asyncssh.SFTPAttrs()

    def _left(self, _of: Any, _attrs: Any) -> None:
        pass

    stat = lstat = fstat = _told
    setstat = fsetstat = _left

    def exit(self) -> None:
        self._intake.ended(self._folder)
