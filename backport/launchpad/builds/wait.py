"""Wait for the builds of what was uploaded, until all is published, failed, or time is over.

A wait that is broken off loses nothing: the next one asks for everything again.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backport import transport
from backport.errors import RemoteError
from backport.launchpad import Tell
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.builds import states
from backport.launchpad.builds.states import Build, SourceVersion, UploadStatus, phase
from backport.launchpad.upload.journal import NOT_TAKEN
from backport.transport import MIB, Limits, UnansweredError

ALL_PUBLISHED = "all published"
# How often one build is started again because of the build farm.
_RETRIES = 3
# The seconds that Launchpad may be away for during a wait.
_OUTAGE = 900.0
_LOG_LINES = 40
_LARGEST_LOG = 256 * MIB
_ENDED = (states.PUBLISHED, states.FAILED, states.GONE)
_LEFT_ARCHIVE = ("Superseded", "Deleted", "Obsolete")
_REASONS = {"time limit": "The time limit is reached", "failed": "Not all of it was built"}


@dataclass(frozen=True)
class BuildRow:
    """How a build stands, or with `arch` "" an upload that has no build yet.

    `phase` is one of those of `states`; `state` is Launchpad's own name.
    """

    upload: SourceVersion
    arch: str
    phase: str
    state: str
    detail: str = ""

    def __str__(self) -> str:
        where = f"{self.upload} {self.arch}".rstrip()
        return f"{where}: {self.phase}" + (f" ({self.detail})" if self.detail else "")

    def to_json(self) -> dict[str, Any]:
        """The row as JSON data."""
        data = asdict(self)
        return {**data.pop("upload"), **data}


@dataclass
class Wait:
    """One wait.

    Parameters:
        client: who asks Launchpad.
        ppa: where the uploads went.
        work: the work folder.
        longest: the seconds that it may take.
        interval: the seconds between two looks.
        limits: of reading a log.
        clock, sleep: seconds that only go forward, and a way to let them pass.
    """

    client: LaunchpadlibClient
    ppa: PpaName
    work: Path
    tell: Tell
    longest: float
    interval: float
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    rows: dict[tuple[SourceVersion, str], BuildRow] = field(default_factory=dict, init=False)
    _retries: dict[tuple[SourceVersion, str], int] = field(default_factory=dict, init=False)

    def run(self, uploads: Iterable[SourceVersion]) -> str:
        """Wait; returns `ALL_PUBLISHED`, "failed" or "time limit".

        Raises:
            RefusedError: Launchpad does not know the PPA, or does not show it.
            RemoteError: Launchpad has been away for too long.
        """
        open_uploads = list(dict.fromkeys(uploads))
        started = self.clock()
        answered: float | None = None
        while True:
            try:
                open_uploads = [upload for upload in open_uploads if not self._follow(upload)]
                answered = self.clock()
            except RefusedError:
                raise
            except RemoteError as error:
                # The first look tells whether it works at all; later, outages are waited out.
                if answered is None or self.clock() - answered > _OUTAGE:
                    raise
                text = f"{error}; the wait goes on"
                self.tell({"event": "note", "text": text}, f"note: {text}")
            reason = self._over(open_uploads, self.clock() - started)
            if reason:
                break
            left = self.longest - (self.clock() - started)
            self.sleep(max(0.0, min(self.interval, left)))
        rows = [row.to_json() for row in self.rows.values()]
        self.tell({"event": "waited", "reason": reason, "builds": rows}, self._summary(reason))
        return reason

    def _over(self, open_uploads: list[SourceVersion], passed: float) -> str:
        rows = self.rows.values()
        failed = any(row.phase in (states.FAILED, states.GONE) for row in rows)
        moving = any(row.phase in states.MOVING for row in rows)
        if failed and not (open_uploads and moving):
            # Nothing is built any more that could bring what the others wait for.
            return "failed"
        if not open_uploads:
            return ALL_PUBLISHED
        return "time limit" if passed >= self.longest else ""

    def _summary(self, reason: str) -> str:
        if reason == ALL_PUBLISHED:
            return f"All {len(self.rows)} builds are published."
        left = [row for row in self.rows.values() if row.phase != states.PUBLISHED]
        done = len(self.rows) - len(left)
        first = f"{_REASONS[reason]}: {done} of {len(self.rows)} builds are published."
        return "\n".join([first, *(f"  {row}" for row in left)])

    def _follow(self, upload: SourceVersion) -> bool:
        """Look at an upload once, and do what follows; whether it has come to its end."""
        seen = states.status(self.client, self.ppa, upload)
        if not seen.builds:
            gone = seen.status in _LEFT_ARCHIVE
            what = states.GONE if gone else states.ABSENT
            missing = f"Launchpad has not taken it in yet; {NOT_TAKEN}"
            detail = "it has no builds yet" if seen.status else missing
            self._show(BuildRow(upload, "", what, seen.status, detail))
            return gone
        self.rows.pop((upload, ""), None)
        phases = [self._judge(upload, build, seen) for build in seen.builds]
        if all(one == states.PUBLISHED for one in phases):
            self._record(upload, seen)
            return True
        return all(one in _ENDED for one in phases) and seen.status != "Pending"

    def _judge(self, upload: SourceVersion, build: Build, seen: UploadStatus) -> str:
        upload_failed = build.state == "Failed to upload"
        log = build.upload_log if upload_failed and build.upload_log else build.log
        ended = tail(build.upload_log, _LOG_LINES, self.limits) if upload_failed else []
        current = phase(build, ended)
        detail = build.dependencies if current == states.DEPENDENCY else ""
        if current == states.FARM:
            current, detail = self._again(upload, build)
        if seen.status in _LEFT_ARCHIVE:
            current, detail = states.GONE, f"the source package is {seen.status.lower()}"
        elif current == states.PUBLISHED and seen.status != "Published":
            current, detail = states.PUBLISHING, f"the source package is {seen.status.lower()}"
        row = BuildRow(upload, build.arch, current, build.state, detail)
        if self._show(row) and current == states.FAILED:
            last = tail(log, _LOG_LINES, self.limits)
            data = {"event": "failed", **row.to_json(), "web": build.web, "log": log, "tail": last}
            lines = [f"{upload} on {build.arch}: {build.state}", f"  {build.web}", f"  {log}"]
            self.tell(data, "\n".join(lines + [f"  | {line}" for line in last]))
        return current

    def _again(self, upload: SourceVersion, build: Build) -> tuple[str, str]:
        """Start a build again that failed because of the build farm, within the bounds."""
        count = self._retries.get((upload, build.arch), 0)
        if count >= _RETRIES:
            return states.FAILED, f"a builder failure; started again {count} times"
        if not build.can_be_retried:
            return states.FAILED, "a builder failure; it cannot be started again"
        self._retries[upload, build.arch] = count + 1
        what = f"the build of {upload} on {build.arch}"
        try:
            self.client.ask(
                what, lambda session: session.load(build.link).retry(), doing="started again"
            )
        except RefusedError as error:
            return states.FAILED, f"a builder failure; {error}"
        return states.FARM, f"started again ({count + 1} of {_RETRIES})"

    def _show(self, row: BuildRow) -> bool:
        """Keep the row; whether it is another one than before."""
        key = (row.upload, row.arch)
        if self.rows.get(key) == row:
            return False
        self.rows[key] = row
        self.tell({"event": "build", **row.to_json()}, str(row))
        return True

    def _record(self, upload: SourceVersion, seen: UploadStatus) -> None:
        record = states.PublishedSource(
            **asdict(upload),
            ppa=str(self.ppa),
            root=self.client.root,
            builds=seen.builds,
            binaries=states.read_binaries(self.client, str(upload), seen.link),
        )
        data = {"event": "published", **asdict(upload)}
        data["record"] = str(states.write(self.work, record))
        self.tell(data, f"{upload}: all builds and binary packages are published")


def tail(url: str, lines: int, limits: Limits) -> list[str]:
    """The last lines of a log on Launchpad, or one line that says why there are none.

    Launchpad keeps logs gzipped and serves them as such, or unpacks them on the way. That a log
    cannot be read is no reason to end a wait.
    """
    if not url:
        return ["(there is no log)"]
    ended = ""
    try:
        content = transport.content(url, limits)
        if content.startswith(b"\x1f\x8b"):
            unpack = zlib.decompressobj(wbits=31)
            content = unpack.decompress(content, _LARGEST_LOG)
            ended = "" if unpack.eof else "(the log ends early, or is too large)"
    except UnansweredError as error:
        return [f"(the log cannot be read: the server {error.what})"]
    except zlib.error:
        return ["(the log is damaged)"]
    last = content.decode("utf-8", "replace").splitlines()[-lines:]
    return [*last, ended] if ended else last
