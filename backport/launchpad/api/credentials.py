"""Who the toolkit is on Launchpad: where the OAuth token is kept.

The token is kept in the desktop's keyring, or in a file that only its owner may read. Where
`BACKPORT_LAUNCHPAD_CREDENTIALS` names a file, it is there and nowhere else: so that a machine
without a desktop, or a CI, logs in with a file that was made elsewhere. A token is only ever sent
to the service root that it was made for. No message of this module contains any part of one.
"""

from __future__ import annotations

import configparser
import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Protocol

from backport import atomic
from backport.errors import InputError, MachineError
from backport.launchpad.api.environment import PRODUCTION

VARIABLE = "BACKPORT_LAUNCHPAD_CREDENTIALS"
# launchpadlib's own variable of the same meaning.
_THEIR_VARIABLE = "LP_CREDENTIALS_FILE"
_SECTION = "1"
_KEYS = ("consumer_key", "consumer_secret", "access_token", "access_secret")
_ROOT_KEY = "service_root"
_KEYRING_SERVICE = "sru-backport-toolkit"


class Place(Protocol):
    """Where a token is kept, as a text in launchpadlib's format."""

    def load(self, root: str) -> str:
        """The text that was kept for a service root; "" if there is none."""
        ...

    def save(self, root: str, text: str) -> None:
        """Keep the text for a service root."""
        ...


class FilePlace:
    """A file with the mode 0600, in launchpadlib's own format.

    The key ``service_root`` is ours: a file without it was made by another program, and counts
    for production only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def load(self, root: str) -> str:
        """See `Place`.

        Raises:
            InputError: others may read the file, it is another user's, or it is no such file.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise InputError(
                f"the credentials cannot be read: {error.strerror}", where=str(self.path)
            ) from error
        try:
            self._check(os.fstat(handle))
            with os.fdopen(handle, encoding="utf-8", errors="replace", closefd=False) as file:
                text = file.read()
        finally:
            os.close(handle)
        parser = _parsed(text, str(self.path))
        made_for = parser.get(_SECTION, _ROOT_KEY, fallback=PRODUCTION)
        if made_for != root:
            raise InputError(
                f"these credentials are for {made_for}, and {root} is asked",
                where=str(self.path),
                advice=f"name another file with {VARIABLE}",
            )
        return text

    def save(self, root: str, text: str) -> None:
        """See `Place`; the file appears by one rename.

        Raises:
            MachineError: it cannot be written.
        """
        parser = _parsed(text, str(self.path))
        parser.set(_SECTION, _ROOT_KEY, root)
        whole = io.StringIO()
        parser.write(whole)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic.write(self.path, whole.getvalue(), mode=0o600)
        except OSError as error:
            raise MachineError(
                f"the credentials cannot be kept: {error.strerror}", where=str(self.path)
            ) from error

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise InputError("the credentials are no plain file", where=str(self.path))
        if status.st_uid != os.geteuid():
            raise InputError(
                "these credentials belong to another user",
                where=str(self.path),
                advice=f"name a file of your own with {VARIABLE}",
            )
        if status.st_mode & 0o077:
            raise InputError(
                f"others may read these credentials (mode {stat.S_IMODE(status.st_mode):04o})",
                where=str(self.path),
                advice=f"run: chmod 600 {self.path}, and revoke the token on Launchpad if others "
                "use this machine",
            )


class KeyringPlace:
    """The desktop's keyring, through the Python package keyring.

    Both methods raise MachineError where the keyring does not open.
    """

    def __str__(self) -> str:
        return "the keyring"

    def load(self, root: str) -> str:
        """See `Place`."""
        with _opened_keyring() as keyring:
            return keyring.get_password(_KEYRING_SERVICE, root) or ""

    def save(self, root: str, text: str) -> None:
        """See `Place`."""
        with _opened_keyring() as keyring:
            keyring.set_password(_KEYRING_SERVICE, root, text)


@contextmanager
def _opened_keyring() -> Iterator[ModuleType]:
    import keyring  # noqa: PLC0415 - optional, and looks for the desktop when it loads
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        yield keyring
    except KeyringError as error:
        raise MachineError(
            f"the keyring does not open ({type(error).__name__})",
            advice=f"unlock it, or keep the login in a file: set {VARIABLE} to its name",
        ) from error


def _parsed(text: str, where: str) -> configparser.ConfigParser:
    """Read launchpadlib's format.

    Raises:
        InputError: the text is not in it. The text itself is not in the message.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        good = all(parser.has_option(_SECTION, key) for key in _KEYS)
    except configparser.Error:
        good = False
    if not good:
        raise InputError(
            "this is no file of Launchpad credentials",
            where=where,
            advice=f"name another file with {VARIABLE}, and log in again",
        )
    return parser


def place(environment: Mapping[str, str] | None = None) -> Place:
    """Where the token is kept: the file of the environment, the keyring, or a file of ours.

    Parameters:
        environment: the variables; those of this process without it.
    """
    variables = os.environ if environment is None else environment
    named = variables.get(VARIABLE) or variables.get(_THEIR_VARIABLE)
    if named:
        return FilePlace(Path(named).expanduser().absolute())
    if _has_keyring():
        return KeyringPlace()
    home = Path(variables.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return FilePlace(home / "backport" / "launchpad-credentials")


def _has_keyring() -> bool:
    """Whether a keyring is here that would keep a secret."""
    try:
        import keyring  # noqa: PLC0415
        from keyring.backends import fail, null  # noqa: PLC0415
    except ImportError:
        return False
    backend = keyring.get_keyring()
    return not isinstance(backend, (fail.Keyring, null.Keyring)) and backend.priority >= 1
