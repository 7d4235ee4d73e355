"""What the environment says: which Launchpad is asked, whether it is there, and how often."""

from __future__ import annotations

import os
import re
import socket
import urllib.request
from urllib.parse import urlsplit

from backport import transport
from backport.errors import UsageError
from backport.transport import Limits

ROOT_VARIABLE = "BACKPORT_LAUNCHPAD_ROOT"
POLL_VARIABLE = "BACKPORT_POLL_SECONDS"
PRODUCTION = "https://api.launchpad.net/"
# The version of the web service API that the toolkit speaks.
API_VERSION = "devel"


def service_root(given: str = "") -> str:
    """The service root that is asked: `given`, else the environment's, else production.

    Raises:
        UsageError: it is no address.
    """
    root = given or os.environ.get(ROOT_VARIABLE, "") or PRODUCTION
    if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", root):
        raise UsageError(
            f"{root!r} is no service root", where=ROOT_VARIABLE, advice="write an http address"
        )
    return root.rstrip("/").removesuffix(f"/{API_VERSION}") + "/"


def reach(root: str, limits: Limits) -> None:
    """Check that something listens at the service root, or at the proxy before it.

    Raises:
        UnansweredError: nothing does.
    """
    parts = urlsplit(root)
    proxy = urlsplit(urllib.request.getproxies().get(parts.scheme, ""))
    if proxy.hostname and not urllib.request.proxy_bypass(parts.hostname or ""):
        parts = proxy
    try:
        place = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        socket.create_connection(place, timeout=limits.connect).close()
    except (OSError, ValueError) as error:
        raise transport.failure(error) from error


def poll_seconds(usual: float) -> float:
    """The seconds between two looks at Launchpad: those of the environment, else the `usual`.

    Raises:
        UsageError: the environment names no such time.
    """
    text = os.environ.get(POLL_VARIABLE, "")
    try:
        seconds = float(text or usual)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise UsageError(
            f"{text!r} is no number of seconds", where=POLL_VARIABLE, advice="correct or unset it"
        )
    return seconds
