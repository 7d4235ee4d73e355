"""What Launchpad says about published source packages, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

# The names are those of Launchpad's web service.
OBSOLETE_SERIES = "Obsolete"


@dataclass(frozen=True)
class PpaName:
    """A PPA of Ubuntu: its owner, a person or team, and its name."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"ppa:{self.owner}/{self.name}"

    @property
    def path(self) -> str:
        """Where the web service has it, below the service root."""
        return f"~{self.owner}/+archive/ubuntu/{self.name}"

    @property
    def incoming(self) -> str:
        """The folder on the upload server, which alone says where an upload goes."""
        return f"~{self.owner}/ubuntu/{self.name}/"


@dataclass(frozen=True)
class SourceFile:
    """One file of a source package: its name, sha256 and address."""

    name: str
    sha256: str
    url: str


@dataclass(frozen=True)
class Publication:
    """One publication record: a version of a source package in a pocket of a series.

    `status` is Pending, Published, Superseded, Deleted or Obsolete (what was published when the
    series ended); `published`, `superseded` and `removed` are when that happened, as ISO 8601, ""
    if it did not; `link` is the record's address; `files` are there when they were asked for.
    """

    distribution: str
    source: str
    version: str
    series: str
    pocket: str
    component: str
    status: str
    published: str
    link: str
    superseded: str = ""
    removed: str = ""
    files: tuple[SourceFile, ...] = ()

    @property
    def in_archive(self) -> bool:
        """Whether the pocket has this version now, or had it when the series ended."""
        return self.status in ("Published", "Pending", "Obsolete")

    def was_in_archive(self, day: date) -> bool:
        """Whether the pocket had this version at the end of a day (UTC).

        What was published when the series ended still counts afterwards, as in `in_archive`,
        though its files have left the archive. A record that says of a superseded version when it
        came but not when it went counts from then on: too high a version refuses an update that
        is right, too low a one lets a wrong one pass.
        """

        removed = self.status != "Obsolete" and _by(self.removed, day)
        return _by(self.published, day) and not (_by(self.superseded, day) or removed)

    def was_seen(self, day: date | None) -> bool:
        """Whether its version counts as used up, on that day (None for now).

        A version is taken once for an archive, whatever became of it; only what was rejected
        from the queue may be used again.
        """
        if self.status == "Rejected":
            return False
        return day is None or _by(self.published, day)

    def has(self, name: str, sha256: str) -> bool:
        """Whether a file of that name and hash is among its files."""
        return any((file.name, file.sha256) == (name, sha256) for file in self.files)

    @property
    def content(self) -> dict[str, str]:
        """The hashes of what a signature does not change: all files but the .dsc."""
        return {file.name: file.sha256 for file in self.files if not file.name.endswith(".dsc")}


def _by(moment: str, day: date) -> bool:
    """Whether something had happened at the end of a day (UTC)."""
    return bool(moment) and datetime.fromisoformat(moment).astimezone(UTC).date() <= day
