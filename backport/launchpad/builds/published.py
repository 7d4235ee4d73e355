"""What is published of an upload: builds and binary packages, as JSON below ``published/``.

The evidence takes versions and hashes from here; `wait` writes it when all is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from backport.engine import records
from backport.errors import InputError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.upload.journal import UploadRecord

FOLDER = "published"
_FORMAT = 2


@dataclass(frozen=True)
class Built:
    """A build that succeeded: its architecture, page and log on Launchpad."""

    arch: str
    web: str
    log: str


@dataclass(frozen=True)
class PublishedBinary:
    """A published binary package. `sha256` may be "" where Launchpad does not say it.

    `arch` is that of the file's name, such as ``all``; size in bytes; `phased` is the share of
    users in percent that get an update, None for all of them.
    """

    package: str
    version: str
    arch: str
    file: str
    size: int
    sha256: str
    url: str
    phased: int | None = None


def binaries_of(source: Any) -> tuple[PublishedBinary, ...]:
    """The published binary packages of launchpadlib's record of a source package.

    A package for all architectures is published in each of them, and listed once. Debug symbols
    (.ddeb) are no packages of the archive: they are published elsewhere.
    """
    binaries: dict[str, PublishedBinary] = {}
    known: set[tuple[str, str]] = set()
    for record in source.getPublishedBinaries():
        name = (str(record.binary_package_name), str(record.binary_package_version))
        if record.status not in ("Published", "Pending"):
            continue
        if not record.architecture_specific:
            if name in known:
                continue
            known.add(name)
        phased = record.phased_update_percentage
        for urls in record.binaryFileUrls(include_meta=True):
            url = str(urls["url"])
            file = unquote(urlsplit(url).path.rpartition("/")[2])
            if file.endswith(".ddeb"):
                continue
            binaries[file] = PublishedBinary(
                *name,
                arch=file.rpartition(".")[0].rpartition("_")[2],
                file=file,
                size=int(urls["size"]),
                sha256=str(urls.get("sha256") or ""),
                url=url,
                phased=None if phased is None else int(phased),
            )
    return tuple(binaries[file] for file in sorted(binaries))


def read_binaries(client: LaunchpadlibClient, what: str, link: str) -> tuple[PublishedBinary, ...]:
    """The published binary packages of the source publication at `link`, which is called `what`."""
    return client.ask(
        f"the binary packages of {what}", lambda session: binaries_of(session.load(link))
    )


@dataclass(frozen=True)
class PublishedSource:
    """A source package in a series of a PPA, with all of its builds and binaries."""

    source: str
    series: str
    version: str
    ppa: str
    root: str
    builds: tuple[Built, ...]
    binaries: tuple[PublishedBinary, ...]


def write(work: Path, record: PublishedSource) -> Path:
    """Keep a record, by one rename."""
    return records.save(_path(work, record), record, _FORMAT)


def read(work: Path, upload: UploadRecord) -> PublishedSource:
    """The record of that very upload.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path, advice = _path(work, upload), "run: backport wait"
    what = f"{upload.series}/{upload.source} {upload.version} is not known to be published"
    record = records.load(PublishedSource, path, what=what, advice=advice, form=_FORMAT)
    if (record.version, record.ppa, record.root) != (upload.version, upload.ppa, upload.root):
        raise InputError(what, where=str(path), advice=advice)
    return record


def _path(work: Path, of: PublishedSource | UploadRecord) -> Path:
    return work / FOLDER / of.series / f"{of.source}.json"
