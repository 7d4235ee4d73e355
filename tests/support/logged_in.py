"""A login for the stand-in: a file of credentials as a person's login would have left it."""

from __future__ import annotations

from pathlib import Path

_TEXT = """[1]
consumer_key = sru-backport-toolkit
consumer_secret =
access_token = {token}
access_secret = secret
service_root = {root}
"""


def credentials_file(path: Path, root: str, token: str = "token") -> Path:
    """Write the file, with the mode that it has to have."""
    path.touch(mode=0o600)
    path.write_text(_TEXT.format(token=token, root=root))
    return path
