"""Where the login to Launchpad is kept: in a file that only its owner may read.

It is in launchpadlib's own format, and `service_root` is ours: a token is only ever sent to the
service root that it was made for. No message of this module contains any part of a token.
"""

from __future__ import annotations

import configparser
import os
import stat
from pathlib import Path

from backport import atomic, user_folders
from backport.errors import InputError, reading
from backport.launchpad.api.environment import PRODUCTION

VARIABLE = "BACKPORT_LAUNCHPAD_CREDENTIALS"
_KEYS = ("consumer_key", "consumer_secret", "access_token", "access_secret")
_ROOT_KEY = "service_root"


def place() -> Path:
    """The file of the login: the one that the environment names, else that of the user.

    Raises:
        MachineError: the user's home is not known.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser().absolute()
    return user_folders.own("XDG_CONFIG_HOME", ".config") / "launchpad-credentials"


def load(path: Path, root: str) -> str:
    """The text of the file; "" if there is none.

    Parameters:
        root: the service root that is asked. A file that names none counts for production only.

    Raises:
        InputError: others may read the file, it is another user's, it is no file of credentials,
            or one for another service root.
    """
    advice = f"name another file with {VARIABLE}"
    if not path.exists():
        return ""
    with (
        reading(path, what="the credentials cannot be read", advice=advice),
        path.open(encoding="utf-8", errors="replace") as file,
    ):
        status, text = os.fstat(file.fileno()), file.read()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise InputError(
            "these credentials are another user's, or others may read them "
            f"(mode {stat.S_IMODE(status.st_mode):04o})",
            where=str(path),
            advice=f"run: chmod 600 {path}, and revoke the token on Launchpad if others use this "
            "machine",
        )
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        good = all(parser.has_option("1", key) for key in _KEYS)
    except configparser.Error:
        good = False
    if not good:
        what = "this is no file of Launchpad credentials"
        raise InputError(what, where=str(path), advice=advice)
    made_for = parser.get("1", _ROOT_KEY, fallback=PRODUCTION)
    if made_for != root:
        what = f"these credentials are for {made_for}, and {root} is asked"
        raise InputError(what, where=str(path), advice=advice)
    return text


def save(path: Path, root: str, text: str) -> None:
    """Keep launchpadlib's text for a service root, by one rename."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    atomic.write(path, f"{text.rstrip()}\n{_ROOT_KEY} = {root}\n", mode=0o600)
