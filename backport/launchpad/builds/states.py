"""The builds of an upload on Launchpad: what they are, and what their states mean.

The names of the states are those of Launchpad's web service (``buildstate`` of a build).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.builds.published import PublishedBinary, read_binaries
from backport.launchpad.upload.ppa import PpaName

# What a row of source, series and architecture can be in.
QUEUED = "queued"
BUILDING = "building"
DEPENDENCY = "dependency wait"
PUBLISHING = "publishing"
PUBLISHED = "published"
FARM = "farm problem"
FAILED = "failed"
ABSENT = "not there yet"
GONE = "gone"
MOVING = (QUEUED, BUILDING, PUBLISHING, ABSENT, FARM)

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
class Seen:
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


class Builds:
    """Asks about uploads to one PPA.

    Every method raises RemoteError, in one sentence that names what was asked.
    """

    def __init__(self, client: LaunchpadlibClient, ppa: PpaName) -> None:
        self._client = client
        self._ppa = ppa
        self.root = client.root

    def status(self, upload: SourceVersion) -> Seen:
        """How the upload and its builds stand."""

        def question(session: Any) -> Seen:
            archive = session.load(self._ppa.path)
            records = archive.getPublishedSources(
                source_name=upload.source, version=upload.version, exact_match=True
            )
            series = f"/{upload.series}"
            own = (one for one in records if str(one.distro_series_link).endswith(series))
            record = next(own, None)
            if record is None:
                return Seen("")
            builds = list(record.getBuilds())
            done = any(build.buildstate == "Successfully built" for build in builds)
            states: dict[str, list[str]] = {}
            for binary in record.getPublishedBinaries() if done else ():
                states.setdefault(str(binary.build_link), []).append(str(binary.status))
            return Seen(
                str(record.status),
                str(record.self_link),
                tuple(_build(build, states.get(str(build.self_link), [])) for build in builds),
            )

        return self._client.ask(f"the builds of {upload}", question)

    def binaries(self, upload: SourceVersion, link: str) -> tuple[PublishedBinary, ...]:
        """The published binary packages of the source publication at `link`, with their hashes."""
        return read_binaries(self._client, str(upload), link)

    def retry(self, upload: SourceVersion, build: Build) -> None:
        """Ask the farm to build it once more."""

        def question(session: Any) -> None:
            session.load(build.link).retry()

        what = f"the build of {upload} on {build.arch}"
        self._client.ask(what, question, doing="started again")


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
