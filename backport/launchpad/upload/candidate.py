"""A source in a series that may be uploaded, with all that its checks look at."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from backport.engine.step import StepId
from backport.launchpad.archive.publication import OBSOLETE_SERIES, Publication
from backport.launchpad.upload.journal import UploadRecord
from backport.launchpad.upload.source import PpaSource
from backport.recipe.model import Published, Source


@dataclass(frozen=True)
class Known:
    """A file that Launchpad has: its name, sha256, and whose it is."""

    name: str
    sha256: str
    where: str


@dataclass(frozen=True)
class Candidate:
    """What is known of one source in one series before it is uploaded.

    Parameters:
        update: the version of the update; `version` is the one in the PPA.
        needs: the names of the candidates that have to be published before this one is sent.
        permitted: whether the PPA takes uploads for the series though it is obsolete.
        asked_by_name: whether the user named the series.
        archive: what the series has; None where nobody knows.
        said: what the recipe says that the series has.
        relied: every archive version of that source, in any series, that the proof relies on.
        made: the source package; None where none is made.
        made_of: the sha256 of the update's own .dsc.
        earlier: what an earlier call left of this upload.
        records: the PPA's, of every series.
        known: what Launchpad has under a name of our files.
        unmet: the relations that the PPA's own versions do not meet.
        steps: the states of build and tests; `origins` is where those come from that were not run
            here.
        forced: the user's reason to upload what has not passed.
        base_trouble: why the base is not the archive's own, `allowed` why the account may not
            upload, `key_trouble` what is wrong with the key; "" for nothing.
    """

    source: Source
    series: str
    update: str
    version: str
    needs: tuple[str, ...]
    today: datetime.date
    as_of: datetime.date | None
    series_status: str
    permitted: bool
    asked_by_name: bool
    archive: Published | None
    said: Published | None
    relied: Mapping[str, Published | None]
    made: PpaSource | None = None
    made_of: str = ""
    earlier: UploadRecord | None = None
    records: tuple[Publication, ...] = ()
    known: tuple[Known, ...] = ()
    unmet: tuple[str, ...] = ()
    steps: Mapping[StepId, str] = field(default_factory=dict)
    origins: Mapping[StepId, str] = field(default_factory=dict)
    forced: str = ""
    base_trouble: str = ""
    allowed: str = ""
    key_trouble: str = ""

    @property
    def name(self) -> str:
        """Such as ``xenial/hello``."""
        return f"{self.series}/{self.source.name}"

    @property
    def closed(self) -> bool:
        """Whether Launchpad takes no uploads for the series, since it has ended."""
        return self.series_status == OBSOLETE_SERIES and not self.permitted

    @property
    def hashes(self) -> Mapping[str, str]:
        """The sha256 of each of our files."""
        return self.made.hashes if self.made else {}
