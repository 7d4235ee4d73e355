"""Fetch a small file over HTTP, with patience; a web page in its place is recognised."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from backport.errors import RemoteError
from backport.launchpad.api.http import in_words
from backport.launchpad.api.retry import Patience

_PASSING = (429, 500, 502, 503, 504)
_LARGEST = 128 * 1024 * 1024  # bytes


def fetch(
    url: str, patience: Patience, sleep: Callable[[float], None] = time.sleep
) -> bytes | None:
    """The file's content; None if the server does not have it (404).

    Raises:
        RemoteError: the server refuses, is broken or cannot be reached.
    """
    trouble = ""
    for attempt in range(patience.attempts):
        if attempt:
            sleep(min(patience.longest_wait, patience.first_wait * 2 ** (attempt - 1)))
        try:
            with urllib.request.urlopen(url, timeout=patience.answer) as response:
                content = bytes(response.read(_LARGEST + 1))
                kind = response.headers.get_content_type()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            trouble = f"answered {error.code}"
            if error.code not in _PASSING:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            trouble = in_words(reason if isinstance(reason, Exception) else error)
        else:
            if len(content) > _LARGEST:
                trouble = f"sends more than {_LARGEST} bytes"
                break
            if "html" not in kind and not _is_html(content):
                return content
            trouble = "answered with a web page instead of the file"
    raise RemoteError(
        f"this cannot be read, since the server {trouble}", where=url, advice="try again later"
    )


def _is_html(content: bytes) -> bool:
    return content[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))
