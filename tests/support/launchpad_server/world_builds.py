"""Builds that move on with a clock, their logs, and the binaries that are published of them.

The clock is the farm's own: a test turns it on. A build is a script: states with the second, from
its beginning, at which each one comes. `retry` begins the next script, if there is one.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .world import DeniedError, Entry, Value, World

_WHEN = "2026-11-23T10:00:00.000000+00:00"
GOOD = (
    (0.0, "Needs building"),
    (60.0, "Currently building"),
    (300.0, "Uploading build"),
    (330.0, "Successfully built"),
)


def ends(state: str, after: float = 300.0) -> tuple[tuple[float, str], ...]:
    """A script that ends in `state`."""
    return ((0.0, "Needs building"), (60.0, "Currently building"), (after, state))


@dataclass
class Job:
    """One build on its way. `scripts` are what it does now and after each retry.

    `log` is the build log that is there after a start, None if a lost builder left none;
    `binaries` maps a package to the content of its .deb; `indep` is whether they are for all
    architectures; `publish_after` is how many seconds after its success they are published.
    """

    entry: Entry
    scripts: Sequence[Sequence[tuple[float, str]]]
    began: float
    binaries: Mapping[str, bytes]
    log: bytes | None = b"the build log\n"
    upload_log: bytes | None = None
    dependencies: str = ""
    indep: bool = False
    publish_after: float = 120.0
    retries: int = 0
    published: list[Entry] = field(default_factory=list)


class Farm:
    """The builders of a world, and its PPAs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = 0.0
        self.jobs: list[Job] = []
        self._pending: list[tuple[float, Entry]] = []
        world.before.append(self.advance)
        world.operations.update(
            {
                ("source_package_publishing_history", "getBuilds"): self.builds_of,
                ("source_package_publishing_history", "getPublishedBinaries"): self._binaries,
                ("build", "retry"): self._retry,
            }
        )

    def ppa(self, owner: str, name: str) -> str:
        """The path of a PPA, which is made if it is not there."""
        return self.world.archive(
            f"/~{owner}/+archive/ubuntu/{name}", f"~{owner}/ubuntu/{name}"
        ).path

    def accept(
        self, archive: str, series: str, source: str, version: str, *, publish_after: float = 90.0
    ) -> Entry:
        """Take a source package in; it is Pending, and Published after some seconds."""
        entry = self.world.publication(
            archive, f"/ubuntu/{series}", source, version, date_created=_WHEN
        )
        self.take(entry, publish_after=publish_after)
        return entry

    def take(self, publication: Entry, *, publish_after: float = 90.0) -> None:
        """Let a publication that is there be Pending, and Published after some seconds."""
        publication.values.update(status="Pending", date_published=None)
        self._pending.append((self.now + publish_after, publication))

    def build(
        self,
        publication: Entry,
        arch: str = "amd64",
        *scripts: Sequence[tuple[float, str]],
        binaries: Mapping[str, bytes] | None = None,
        **more: Any,
    ) -> Job:
        """Queue a build of a source publication; without a script it goes well.

        Parameters:
            more: see `Job`.
        """
        values = publication.values
        source = str(values["source_package_name"])
        version = str(values["source_package_version"])
        archive = str(values["archive_link"])
        entry = self.world.add(
            "build",
            f"{archive}/+build/{self.world.number()}",
            arch_tag=arch,
            archive_link=archive,
            buildstate="Needs building",
            can_be_retried=False,
            current_source_publication_link=publication.path,
            source_package_name=source,
            source_package_version=version,
        )
        if binaries is None:
            binaries = {source: f"{source} {version}".encode()}
        job = Job(entry, scripts or (GOOD,), self.now, binaries, **more)
        self.jobs.append(job)
        return job

    def advance(self) -> None:
        """Bring everything to where it is now."""
        for when, entry in list(self._pending):
            if self.now >= when:
                entry.values.update(status="Published", date_published=_WHEN)
                self._pending.remove((when, entry))
        for job in self.jobs:
            self._move(job)

    def _move(self, job: Job) -> None:
        script = job.scripts[min(job.retries, len(job.scripts) - 1)]
        passed = [(at, state) for at, state in script if self.now - job.began >= at]
        at, state = passed[-1]
        values = job.entry.values
        values["buildstate"] = state
        values["can_be_retried"] = state not in dict(GOOD).values()
        values["dependencies"] = job.dependencies if state == "Dependency wait" else None
        started = any(one == "Currently building" for _, one in passed)
        if started and job.log is not None and state != "Currently building":
            values["build_log_url"] = self._log(job, "buildlog", job.log)
        if state == "Failed to upload" and job.upload_log is not None:
            values["upload_log_url"] = self._log(job, "upload", job.upload_log)
        if state == "Successfully built":
            self._publish(job, self.now - job.began - at >= job.publish_after)

    def _log(self, job: Job, kind: str, content: bytes) -> str:
        values = job.entry.values
        web = f"{job.entry.path}/+files/{kind}_ubuntu-{values['source_package_name']}.txt.gz"
        self.world.files[web] = gzip.compress(content)
        return f"web:{web}"

    def _publish(self, job: Job, ready: bool) -> None:
        values = job.entry.values
        if not job.published:
            for package, content in job.binaries.items():
                number = self.world.number()
                entry = self.world.add(
                    "binary_package_publishing_history",
                    f"{values['archive_link']}/+binarypub/{number}",
                    archive_link=values["archive_link"],
                    architecture_specific=not job.indep,
                    binary_package_name=package,
                    binary_package_version=values["source_package_version"],
                    build_link=job.entry.path,
                    status="Pending",
                )
                arch = "all" if job.indep else values["arch_tag"]
                version = str(values["source_package_version"]).rpartition(":")[2]
                kind = "ddeb" if package.endswith("-dbgsym") else "deb"
                name = f"{package}_{version}_{arch}.{kind}"
                web = f"{values['archive_link']}/+files/{quote(name)}"
                self.world.files[web] = content
                self.world.files_of[entry.path] = [(web, content)]
                job.published.append(entry)
        for entry in job.published:
            entry.values["status"] = "Published" if ready else "Pending"

    # Named operations

    def builds_of(self, _: World, publication: Entry, __: Mapping[str, Value]) -> Value:
        """The builds of a source publication."""
        return [
            job.entry
            for job in self.jobs
            if job.entry.values["current_source_publication_link"] == publication.path
        ]

    def _binaries(self, _: World, publication: Entry, __: Mapping[str, Value]) -> Value:
        built = self.builds_of(self.world, publication, {})
        return [entry for job in self.jobs if job.entry in built for entry in job.published]

    def _retry(self, _: World, build: Entry, __: Mapping[str, Value]) -> Value:
        (job,) = [one for one in self.jobs if one.entry is build]
        if not build.values["can_be_retried"]:
            raise DeniedError(400, "Build cannot be retried.")
        job.retries += 1
        job.began = self.now
        build.values.update(build_log_url=None, upload_log_url=None)
        self._move(job)
        return None
