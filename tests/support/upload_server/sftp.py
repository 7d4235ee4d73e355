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

from .intake import SAYS, Intake


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
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._client_key = asyncssh.generate_private_key("ssh-ed25519")
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        key = self.home / "id"
        key.write_bytes(self._client_key.export_private_key())
        key.chmod(0o600)
        self.port = 0

    @property
    def address(self) -> str:
        """What the toolkit takes."""
        return f"sftp://127.0.0.1:{self.port}"

    @property
    def options(self) -> str:
        """The ssh options of the client."""
        known = self.home / "known_hosts"
        public = self._host_key.export_public_key().decode().strip()
        known.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        return f"IdentityFile={self.home}/id\nIdentitiesOnly=yes\nUserKnownHostsFile={known}"

    def __enter__(self) -> SftpServer:
        self._thread.start()
        assert self._ready.wait(20), "the SFTP stand-in does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        shutil.rmtree(self.home)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        acceptor = self._loop.run_until_complete(self._listen())
        self.port = acceptor.get_port()
        self._ready.set()
        self._loop.run_forever()
        acceptor.close()
        self._loop.run_until_complete(acceptor.wait_closed())
        self._loop.close()

    async def _listen(self) -> Any:
        owner = self

        class Files(_Files):
            server = owner

        class Login(_Login):
            server = owner

        public = self._client_key.export_public_key().decode()
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Login,
            server_host_keys=[self._host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(public),
            sftp_factory=Files,
            allow_scp=False,
        )


class _Login(asyncssh.SSHServer):
    server: SftpServer

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self.server.users.append(username)
        self._connection.send_auth_banner(f"Upload server: {SAYS}.\n")
        return True


class _Files(asyncssh.SFTPServer):
    server: SftpServer

    def __init__(self, chan: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.server.home))
        super().__init__(chan)

    def _place(self, path: bytes) -> Path:
        inner = os.path.normpath("/" + path.decode()).lstrip("/")
        return self.folder / inner

    def open(self, path: bytes, _pflags: int, _attrs: Any) -> Any:
        place = self._place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("wb+")

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if self.server.intake.breaks(file_obj.name):
            file_obj.write(data[: len(data) // 2])
            file_obj.close()
            self.channel.get_connection().abort()
            raise asyncssh.SFTPConnectionLost("told to break")
        file_obj.seek(offset)
        return int(file_obj.write(data))

    def mkdir(self, path: bytes, _attrs: Any) -> None:
        place = self._place(path)
        if place.exists():
            raise asyncssh.SFTPFailure("Directory already exists")
        place.mkdir(parents=True)

    def realpath(self, path: bytes) -> bytes:
        return path

    def stat(self, _path: bytes) -> Any:
        return asyncssh.SFTPAttrs()

    lstat = stat

    def fstat(self, _file_obj: Any) -> Any:
        return asyncssh.SFTPAttrs()

    def setstat(self, _path: bytes, _attrs: Any) -> None:
        pass

    def fsetstat(self, _file_obj: Any, _attrs: Any) -> None:
        pass

    def exit(self) -> None:
        self.server.intake.ended(self.folder)
