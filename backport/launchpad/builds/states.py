"""The builds of an upload on Launchpad, what their states mean, and what is published of them.

The names of the states are those of Launchpad's web service (``buildstate`` of a build). What is
published is kept as JSON below ``published/``; the evidence takes versions and hashes from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from backport.engine import records
from backport.errors import InputError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.upload.journal import UploadRecord

# What a row of source, series and architecture can be in.
QUEUED = "queued"
BUILDING = "building"
DEPENDENCY = "dependency wait"
PUBLISHING = "publishing"
PUBLISHED = "published"
FARM = "builder failure"
FAILED = "failed"
ABSENT = "not there yet"
GONE = "gone"
MOVING = (QUEUED, BUILDING, PUBLISHING, ABSENT, FARM)
FOLDER = "published"
_FORMAT = 2

_PHASES = {
    "Needs building": QUEUED,
    "Currently building": BUILDING,
    "Uploading build": BUILDING,
    "Gathering build output": BUILDING,
    "Cancelling build": BUILDING,
    "Dependency wait": DEPENDENCY,
    "Chroot problem": FARM,
    "Successfully built": PUBLISHING,
    "Failed to build": FAILED,
    "Failed to upload": FAILED,
    "Cancelled build": FAILED,
    "Build for superseded Source": GONE,
}


@dataclass(frozen=True)
class SourceVersion:
    """An upload that is waited for: a version of a source package for a series."""

    source: str
    series: str
    version: str

    def __str__(self) -> str:
        return f"{self.series}/{self.source} {self.version}"


@dataclass(frozen=True)
class Build:
    """One build. `log` and `upload_log` are addresses, "" while there is none.

    `dependencies` is what a dependency wait waits for; `published` is whether all of its binary
    packages are.
    """

    arch: str
    state: str
    link: str
    web: str
    log: str = ""
    upload_log: str = ""
    dependencies: str = ""
    can_be_retried: bool = False
    published: bool = False


@dataclass(frozen=True)
class UploadStatus:
    """What Launchpad has of an upload; `status` is "" while it has not taken it in."""

    status: str
    link: str = ""
    builds: tuple[Build, ...] = ()


def phase(build: Build, upload_log: Iterable[str] = ()) -> str:
    """What a build's state means for who waits for it.

    A chroot problem is the farm's. So is a build that failed and left no log: its builder was
    lost. A failed upload is the package's fault if the upload's log speaks of a rejection, and
    the farm's if not.

    Parameters:
        upload_log: the last lines of the upload's log, for a failed upload.
    """
    if build.state == "Failed to build" and not build.log:
        return FARM
    rejected = any("reject" in line.lower() for line in upload_log)
    if build.state == "Failed to upload" and not rejected:
        return FARM
    if build.state == "Successfully built" and build.published:
        return PUBLISHED
    # A state that this table does not know yet is waited for, until the time limit.
    return _PHASES.get(build.state, QUEUED)


def status(client: LaunchpadlibClient, ppa: PpaName, upload: SourceVersion) -> UploadStatus:
    """How an upload to a PPA and its builds stand; raises as `ask` does."""

    def question(session: Any) -> UploadStatus:
        there = session.load(ppa.path).getPublishedSources(
            source_name=upload.source, version=upload.version, exact_match=True
        )
        series = f"/{upload.series}"
        own = (record for record in there if str(record.distro_series_link).endswith(series))
        record = next(own, None)
        if record is None:
            return UploadStatus("")
        builds = list(record.getBuilds())
        done = any(build.buildstate == "Successfully built" for build in builds)
        states: dict[str, list[str]] = {}
        for binary in record.getPublishedBinaries() if done else ():
            states.setdefault(str(binary.build_link), []).append(str(binary.status))
        return UploadStatus(
            str(record.status),
            str(record.self_link),
            tuple(_build(build, states.get(str(build.self_link), [])) for build in builds),
        )

    return client.ask(f"the builds of {upload}", question)


def _build(entry: Any, binaries: list[str]) -> Build:
    return Build(
        arch=str(entry.arch_tag),
        state=str(entry.buildstate),
        link=str(entry.self_link),
        web=str(entry.web_link),
        log=str(entry.build_log_url or ""),
        upload_log=str(entry.upload_log_url or ""),
        dependencies=str(entry.dependencies or ""),
        can_be_retried=bool(entry.can_be_retried),
        published=bool(binaries) and all(binary == "Published" for binary in binaries),
    )


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


def read_binaries(client: LaunchpadlibClient, what: str, link: str) -> tuple[PublishedBinary, ...]:
    """The published binary packages of the source publication at `link`, which is called `what`.

    A package for all architectures is published in each of them, and listed once. Debug symbols
    (.ddeb) are no packages of the archive: they are published elsewhere.
    """
    return client.ask(f"the binary packages of {what}", lambda session: _binaries(session, link))


def _binaries(session: Any, link: str) -> tuple[PublishedBinary, ...]:
    binaries: dict[str, PublishedBinary] = {}
    known: set[tuple[str, str]] = set()
    for record in session.load(link).getPublishedBinaries():
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


@dataclass(frozen=True)
class PublishedSource:
    """A source package in a series of a PPA, with all of its builds and binaries."""

    source: str
    series: str
    version: str
    ppa: str
    root: str
    builds: tuple[Build, ...]
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
