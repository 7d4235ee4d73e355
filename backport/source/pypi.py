"""Where a published file of a Python project is, by the package index that this machine uses.

The host of the index is never written here: pip is asked for it.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import urllib.parse
from functools import cache
from typing import Any

from backport import transport
from backport.engine.process import run
from backport.errors import InputError, MachineError, RemoteError
from backport.transport import MIB, Limits, UnansweredError

_JSON = "application/vnd.pypi.simple.v1+json"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LIMITS = Limits(connect=60.0, silence=60.0, total=600.0, size=256 * MIB, attempts=5)
_ASK_PIP = (
    "from pip._internal.commands import create_command\n"
    "print(create_command('download').parse_args([])[0].index_url)"
)


@cache
def _configured() -> str:
    """The package index that pip's files name, else pip's own default.

    Raises:
        MachineError: this Python has no pip.
    """
    asked = run([sys.executable, "-c", _ASK_PIP])
    if asked.exit_code != 0:
        what = f"pip does not say which package index it uses: {asked.tail(1)}"
        raise MachineError(what, where=sys.executable, advice="run: scripts/install")
    return asked.output.strip()


def resolve(project: str, filename: str, *, index: str | None = None) -> str:
    """The URL of one published file of `project`, from the JSON simple API (PEP 691).

    Parameters:
        project: the project's name.
        filename: the file's exact name.
        index: the index's URL; without it the one that pip uses.

    Raises:
        InputError: the project has no such file, or the index is not asked over https.
        RemoteError: the index refused or could not be reached.
    """
    base = index or os.environ.get("PIP_INDEX_URL") or _configured()
    url = f"{base.rstrip('/')}/{urllib.parse.quote(project.lower())}/"
    try:
        files: list[dict[str, Any]] = json.loads(_get(url))["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(
            f"the package index did not answer in JSON for the project {project}",
            advice="use an index that speaks the JSON simple API (PEP 691)",
        ) from error
    for entry in files:
        if entry.get("filename") == filename:
            return urllib.parse.urljoin(url, str(entry["url"]))
    raise InputError(
        f"the package index has no file {filename}", where=project, advice="correct the pin"
    )


def _get(url: str) -> bytes:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise InputError(
            f"the package index is not asked over https but over {parts.scheme or 'nothing'}",
            advice="configure an https index for pip",
        )
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)

    def attempt() -> bytes:
        with transport.opened(url, _LIMITS, headers={"Accept": _JSON}, context=context) as answer:
            return b"".join(answer.pieces())

    try:
        return transport.repeat(attempt, _LIMITS)
    except UnansweredError as error:
        raise RemoteError(
            f"the package index gave nothing: it {error.what}",
            where=url,
            advice="check the network and try again",
        ) from error
