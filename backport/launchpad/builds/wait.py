"""Wait for the builds of what was uploaded, until all is published, failed, or time is over.

Nothing of a wait is lost when it is broken off: what is published is asked again, and how often a
build was started again for the farm's sake is kept in ``wait.json`` in the work folder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from backport import atomic
from backport.engine import records
from backport.errors import RemoteError, reading
from backport.launchpad.api.errors import RefusedError
from backport.launchpad.builds import log as build_log
from backport.launchpad.builds import published, states
from backport.launchpad.builds.log import Tail
from backport.launchpad.builds.states import Build, Builds, Seen, SourceVersion, phase
from backport.launchpad.upload.journal import NOT_TAKEN
from backport.transport import Limits

FILE = "wait.json"
_FORMAT = 1
_ENDED = (states.PUBLISHED, states.FAILED, states.GONE)
_LEFT_ARCHIVE = ("Superseded", "Deleted", "Obsolete")


@dataclass(frozen=True)
class BuildRow:
    """How a build stands, or with `arch` "" an upload that has no build yet.

    `phase` is one of those of `builds`; `state` is Launchpad's own name.
    """

    upload: SourceVersion
    arch: str
    phase: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Changed:
    """A row is new, or is in another state than before."""

    row: BuildRow


@dataclass(frozen=True)
class BuildFailed:
    """A build failed: its page, its log's address, and the end of that log."""

    row: BuildRow
    web: str
    log: str
    tail: Tail


@dataclass(frozen=True)
class Noted:
    """A sentence for the user."""

    text: str


@dataclass(frozen=True)
class Recorded:
    """An upload is published; its record is in this file."""

    upload: SourceVersion
    path: Path


@dataclass(frozen=True)
class Ended:
    """The wait is over. `reason` is "all published", "failed", "time limit" or "stuck"."""

    reason: str
    rows: tuple[BuildRow, ...]


Event = Changed | BuildFailed | Noted | Recorded | Ended
Sink = Callable[[Event], None]


@dataclass(frozen=True)
class Bounds:
    """How long and how often; all times in seconds.

    Parameters:
        limit: the longest wait.
        interval: between two looks.
        retries: how often one build is started again for the farm's sake; 0 for never.
        outage: how long Launchpad may be away during the wait.
        lines: how much of a failed build's log is shown.
    """

    limit: float = 4 * 3600.0
    interval: float = 60.0
    retries: int = 3
    outage: float = 900.0
    lines: int = 40


@dataclass
class Wait:
    """One wait.

    Parameters:
        builds: who asks Launchpad.
        ppa: the PPA's name, for the records.
        work: the work folder.
        limits: of reading a log.
        clock, sleep: seconds that only go forward, and a way to let them pass.
    """

    builds: Builds
    ppa: str
    work: Path
    sink: Sink
    bounds: Bounds = field(default_factory=Bounds)
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    rows: dict[tuple[SourceVersion, str], BuildRow] = field(default_factory=dict, init=False)
    _logs: dict[str, str] = field(default_factory=dict, init=False)

    def run(self, uploads: Iterable[SourceVersion]) -> Ended:
        """Wait; the same as the last event.

        Raises:
            RefusedError: Launchpad does not know the PPA, or does not show it.
            RemoteError: Launchpad has been away for too long.
            InputError: the kept state is damaged.
        """
        _ = self._retries  # a damaged state is told before anything is waited for
        open_uploads = list(dict.fromkeys(uploads))
        started = self.clock()
        answered: float | None = None
        while True:
            try:
                open_uploads = [upload for upload in open_uploads if not self.follow(upload)]
                answered = self.clock()
            except RefusedError:
                raise
            except RemoteError as error:
                # The first look tells whether it works at all; later, outages are waited out.
                if answered is None or self.clock() - answered > self.bounds.outage:
                    raise
                self.sink(Noted(f"{error}; the wait goes on"))
            reason = self._over(open_uploads, self.clock() - started)
            if reason:
                break
            left = self.bounds.limit - (self.clock() - started)
            self.sleep(max(0.0, min(self.bounds.interval, left)))
        ended = Ended(reason, tuple(self.rows.values()))
        self.sink(ended)
        return ended

    def _over(self, open_uploads: list[SourceVersion], passed: float) -> str:
        rows = self.rows.values()
        failed = any(row.phase in (states.FAILED, states.GONE) for row in rows)
        if not open_uploads:
            return "failed" if failed else "all published"
        if failed and not any(row.phase in states.MOVING for row in rows):
            # Nothing is built any more that could bring what the others wait for.
            return "stuck"
        return "time limit" if passed >= self.bounds.limit else ""

    def follow(self, upload: SourceVersion) -> bool:
        """Look at an upload once, and do what follows; whether it has come to its end.

        Raises: as `run` does.
        """
        seen = self.builds.status(upload)
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

    def _judge(self, upload: SourceVersion, build: Build, seen: Seen) -> str:
        upload_log = ""
        if build.state == "Failed to upload" and build.upload_log:
            if build.upload_log not in self._logs:
                self._logs[build.upload_log] = self._tail(build.upload_log).text
            upload_log = self._logs[build.upload_log]
        current = phase(build, upload_log)
        detail = build.dependencies if current == states.DEPENDENCY else ""
        if current == states.FARM:
            current, detail = self._again(upload, build)
        if seen.status in _LEFT_ARCHIVE:
            current, detail = states.GONE, f"the source package is {seen.status.lower()}"
        elif current == states.PUBLISHED and seen.status != "Published":
            current, detail = states.PUBLISHING, f"the source package is {seen.status.lower()}"
        row = BuildRow(upload, build.arch, current, build.state, detail)
        if self._show(row) and current == states.FAILED:
            log = build.log or build.upload_log
            if build.state == "Failed to upload":
                log = build.upload_log or build.log
            self.sink(BuildFailed(row, build.web, log, self._tail(log)))
        return current

    def _again(self, upload: SourceVersion, build: Build) -> tuple[str, str]:
        """Start a build again that failed for the farm's sake, within the bounds."""
        key = f"{upload.series}/{upload.source}/{upload.version}/{build.arch}"
        retries = self._retries.setdefault(self.builds.root, {})
        count = retries.get(key, 0)
        if not self.bounds.retries:
            return states.FAILED, "a problem of the build farm; --retries 0: not started again"
        if count >= self.bounds.retries:
            return states.FAILED, f"a problem of the build farm; started again {count} times"
        if not build.can_be_retried:
            return states.FAILED, "a problem of the build farm; it cannot be started again"
        # Counted before it is asked for: a killed wait must not ask without end.
        retries[key] = count + 1
        data = {"format": _FORMAT, "retries": self._retries}
        atomic.write(self.work / FILE, json.dumps(data, indent=1) + "\n")
        try:
            self.builds.retry(upload, build)
        except RefusedError as error:
            return states.FAILED, f"a problem of the build farm; {error}"
        return states.FARM, f"started again ({count + 1} of {self.bounds.retries})"

    @cached_property
    def _retries(self) -> dict[str, dict[str, int]]:
        return read_retries(self.work)

    def _tail(self, log: str) -> Tail:
        return build_log.fetch(log, self.bounds.lines, self.limits, self.sleep)

    def _show(self, row: BuildRow) -> bool:
        """Keep the row; whether it is another one than before."""
        key = (row.upload, row.arch)
        if self.rows.get(key) == row:
            return False
        self.rows[key] = row
        self.sink(Changed(row))
        return True

    def _record(self, upload: SourceVersion, seen: Seen) -> None:
        record = published.PublishedSource(
            source=upload.source,
            series=upload.series,
            version=upload.version,
            ppa=self.ppa,
            root=self.builds.root,
            seen=datetime.now(UTC).isoformat(timespec="seconds"),
            builds=tuple(
                published.Built(build.arch, build.web, build.log) for build in seen.builds
            ),
            binaries=self.builds.binaries(upload, seen.link),
        )
        self.sink(Recorded(upload, published.write(self.work, record)))


def read_retries(work: Path) -> dict[str, dict[str, int]]:
    """How often each build was started again, by service root.

    Raises:
        InputError: the file is damaged.
    """
    path = work / FILE
    if not path.exists():
        return {}
    what = "the state of an earlier wait cannot be read"
    with reading(path, what=what, advice="remove it; builds are then counted anew"):
        data = records.read_json(path)
        if data["format"] != _FORMAT:
            raise ValueError("it is of another format")
        return dict(records.decode(dict[str, dict[str, int]], data["retries"]))
