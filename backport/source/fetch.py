"""Fetch a file that is pinned by its sha256 into a cache; nothing else ever gets in there."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import re
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from backport.errors import HashMismatchError, InputError, RemoteError
from backport.recipe.model import Upstream
from backport.source.files import sha256_of
from backport.source.tarball import make_tarball

_REMOTE = re.compile(r"https?://", re.IGNORECASE)
# Debian Policy 5.6.19: what the names of a source package's files are made of; `_` and `%` beside.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_%-]*")
_TIMEOUT_SECONDS = 30.0
# RFC 9110 and 6585: the two client errors that a server asks to be tried again.
_RETRIED_CLIENT_ERRORS = (408, 429)


class _CutShortError(Exception):
    """The connection ended before the whole body was there, or the server had a passing fault."""


def fetch(
    place: str,
    sha256: str,
    cache: Path,
    *,
    name: str,
    attempts: int = 4,
    offline: bool = False,
    backoff: float = 1.0,
) -> Path:
    """The file of that sha256, from the cache or from its place.

    A cached file's hash is checked again at every use; a damaged one is fetched anew. Several
    processes may fetch into one cache at once: each writes a file of its own and renames it.

    Parameters:
        place: an http or https address, or the path of a local file.
        sha256: 64 hexadecimal digits.
        cache: the folder; the result is ``sha256/HASH/NAME`` in it.
        name: the result's file name.
        attempts: how often a broken connection is begun, at least 1.
        offline: take only what is local or cached.
        backoff: seconds before the second attempt; they double each time, less a random part.

    Raises:
        HashMismatchError: the file is another one; nothing is kept.
        InputError: the local file does not exist, or `name` is no file name.
        RemoteError: the server refuses (HTTP 4xx is final, save 408 and 429), breaks off again
            and again, cannot be reached, or may not be asked.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a fetched file", where=place)
    if found := cached(cache, sha256, name):
        return found
    if not _REMOTE.match(place):
        if not Path(place).is_file():
            raise InputError(
                "there is no such file",
                where=place,
                advice="mend the path in the recipe, or write an address of http or https",
            )
        with _temporary(cache) as part:
            shutil.copyfile(place, part)
            return _keep(part, place, sha256, cache, name)
    if offline:
        raise RemoteError(
            f"{name} is not in the cache, and the network may not be used",
            where=place,
            advice="run once without --offline",
        )
    with _temporary(cache) as part:
        _download(place, part, max(attempts, 1), backoff)
        return _keep(part, place, sha256, cache, name)


def fetch_upstream(upstream: Upstream, cache: Path, *, offline: bool = False) -> Path:
    """The upstream tarball of a recipe; of a local folder a reproducible tarball is made.

    Raises: as `fetch` does.
    """
    if upstream.path and Path(upstream.path).is_dir():
        return _from_folder(upstream, cache)
    if found := cached(cache, upstream.sha256, upstream.file):
        return found
    place = upstream.path or upstream.url
    if upstream.pypi and not offline:
        from backport.environments import pypi  # noqa: PLC0415 - needed only when not in the cache

        place = pypi.resolve(upstream.pypi, upstream.file)
    if upstream.pypi and offline:
        raise RemoteError(
            f"{upstream.file} is not in the cache, and the network may not be used",
            where=f"the Python package index's project {upstream.pypi}",
            advice="run once without --offline",
        )
    return fetch(place, upstream.sha256, cache, name=upstream.file, offline=offline)


def cached(cache: Path, sha256: str, name: str) -> Path | None:
    """The cached file of that hash and name, if it is there and whole."""
    path = _home(cache, sha256, name)
    return path if path.is_file() and sha256_of(path) == sha256 else None


def _from_folder(upstream: Upstream, cache: Path) -> Path:
    suffix = ".tar.gz"
    stem = upstream.file.removesuffix(suffix)
    with _temporary(cache) as part:
        make_tarball(Path(upstream.path), stem, part)
        wanted = upstream.sha256 or sha256_of(part)
        return _keep(part, upstream.path, wanted, cache, stem + suffix)


def _home(cache: Path, sha256: str, name: str) -> Path:
    return cache / "sha256" / sha256 / name


@contextlib.contextmanager
def _temporary(cache: Path) -> Iterator[Path]:
    """A file in the cache's file system, gone at the end unless it was renamed."""
    folder = cache / "part"
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _keep(part: Path, place: str, sha256: str, cache: Path, name: str) -> Path:
    found = sha256_of(part)
    if found != sha256:
        raise HashMismatchError(
            f"{name} has the sha256 {found}, and {sha256} is pinned; nothing was kept",
            where=place,
            advice="find out which of the two is right before you change the pin",
        )
    home = _home(cache, sha256, name)
    home.parent.mkdir(parents=True, exist_ok=True)
    part.chmod(0o644)
    part.replace(home)
    return home


def _download(url: str, part: Path, attempts: int, backoff: float) -> None:
    for attempt in range(1, attempts + 1):
        try:
            return _attempt(url, part)
        except _CutShortError as cut:
            if attempt == attempts:
                raise RemoteError(
                    f"gave up after {attempts} attempts: {cut}",
                    where=url,
                    advice="try again later; what is in the cache stays",
                ) from cut
        # Half of the pause is random, so that many clients do not come back together.
        time.sleep(backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
    return None


def _attempt(url: str, part: Path) -> None:
    """Get the whole file.

    Raises:
        RemoteError: trying again is no use. _CutShortError: it may be.
    """
    headers = {"User-Agent": "sru-backport-toolkit", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)
    try:
        with (
            urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response,
            part.open("wb") as sink,
        ):
            shutil.copyfileobj(response, sink)
            length = response.headers.get("Content-Length") or ""
    except urllib.error.HTTPError as error:
        error.close()
        if 400 <= error.code < 500 and error.code not in _RETRIED_CLIENT_ERRORS:
            raise RemoteError(
                f"the server answered {error.code} {error.reason}",
                where=url,
                advice="check the address in the recipe",
            ) from error
        raise _CutShortError(f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _CutShortError(f"the server cannot be reached ({error.reason})") from error
    except (ValueError, http.client.InvalidURL) as error:
        raise RemoteError(f"this is no address: {error}", where=url) from error
    except (OSError, EOFError, http.client.HTTPException) as error:
        detail = str(error) or type(error).__name__
        raise _CutShortError(f"the connection broke ({detail})") from error
    received = part.stat().st_size
    if length.isdigit() and received < int(length):
        raise _CutShortError(f"the connection ended after {received} of {length} bytes")
