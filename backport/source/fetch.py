"""Fetch a file that is pinned by its sha256 into a cache; nothing else ever gets in there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from backport import transport
from backport.engine import owner
from backport.errors import HashMismatchError, InputError, RemoteError
from backport.recipe.model import Upstream
from backport.source import pypi
from backport.source.files import sha256_of
from backport.transport import Limits, UnansweredError

PARTS = "part"
"""The folder of the cache with what has not yet arrived."""
_HEADERS = {"User-Agent": "sru-backport-toolkit", "Accept-Encoding": "identity"}
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# Debian Policy 5.6.19: what the names of a source package's files are made of; `_` and `%` beside.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_%-]*")
# A source package's tarball may be as large as a linux kernel with all of its firmware.
_LIMITS = Limits(connect=30.0, silence=30.0, total=3600.0, size=4096 * transport.MIB)


def fetch(place: str, sha256: str, cache: Path, *, name: str, offline: bool = False) -> Path:
    """The file of that sha256, from the cache or from its place.

    A cached file's hash is checked again at every use; a damaged one is fetched anew. Several
    processes may fetch into one cache at once: each writes a file of its own and renames it.

    Parameters:
        place: an http or https address, or the path of a local file.
        sha256: 64 hexadecimal digits.
        cache: the folder; the result is ``sha256/HASH/NAME`` in it.
        name: the result's file name.
        offline: take only what is local or cached.

    Raises:
        HashMismatchError: the file is another one; nothing is kept.
        InputError: the local file does not exist, or `name` is no file name.
        RemoteError: the server refuses, breaks off again and again, sends without an end, cannot
            be reached, or may not be asked.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a fetched file", where=place)
    if path := cached(cache, sha256, name):
        return path
    remote = _REMOTE.match(place)
    if remote and offline:
        raise _offline(name, place)
    if not remote and not Path(place).is_file():
        advice = "mend the path in the recipe"
        raise InputError("there is no such file", where=place, advice=advice)
    with owner.temporary("", cache / PARTS) as folder:
        part = folder / "part"
        if remote:
            _download(place, part)
        else:
            shutil.copyfile(place, part)
        return _keep(part, place, sha256, cache, name)


def fetch_upstream(upstream: Upstream, cache: Path, *, offline: bool = False) -> Path:
    """The upstream tarball of a recipe; raises as `fetch` does."""
    if path := cached(cache, upstream.sha256, upstream.file):
        return path
    place = upstream.path or upstream.url
    if upstream.pypi:
        if offline:
            raise _offline(upstream.file, f"the Python package index's project {upstream.pypi}")
        place = pypi.resolve(upstream.pypi, upstream.file)
    return fetch(place, upstream.sha256, cache, name=upstream.file, offline=offline)


def cached(cache: Path, sha256: str, name: str) -> Path | None:
    """The cached file of that hash and name, if it is there and whole."""
    path = cache / "sha256" / sha256 / name
    return path if path.is_file() and sha256_of(path) == sha256 else None


def _offline(name: str, where: str) -> RemoteError:
    what = f"{name} is not in the cache, and the network may not be used"
    return RemoteError(what, where=where, advice="run once without --offline")


def _keep(part: Path, place: str, sha256: str, cache: Path, name: str) -> Path:
    actual = sha256_of(part)
    if actual != sha256:
        raise HashMismatchError(
            f"{name} has the sha256 {actual}, and {sha256} is pinned; nothing was kept",
            where=place,
            advice="find out which of the two is right before you change the pin",
        )
    home = cache / "sha256" / sha256 / name
    home.parent.mkdir(parents=True, exist_ok=True)
    part.chmod(0o644)
    part.replace(home)
    return home


def _download(url: str, part: Path) -> None:
    def attempt() -> None:
        with transport.opened(url, _LIMITS, headers=_HEADERS) as answer, part.open("wb") as sink:
            for piece in answer.pieces():
                sink.write(piece)

    try:
        transport.repeat(attempt, _LIMITS)
    except UnansweredError as error:
        raise RemoteError(
            f"this cannot be fetched, since the server {error.what}",
            where=url,
            advice="try again later; what is in the cache stays"
            if error.passing
            else "check the address in the recipe",
        ) from error
