"""Publication records, kept in a file with the time of their answer.

What Launchpad said is used again for a day; without Launchpad it is used at any age, and the
age is said.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from debian.debian_support import Version

from backport import atomic
from backport.engine import records
from backport.errors import InputError, RemoteError, reading
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.environment import PRODUCTION, service_root
from backport.launchpad.api.errors import RefusedError
from backport.launchpad.archive.publication import Publication
from backport.recipe.model import Published, Recipe
from backport.source.dsc import file_version, read_dsc

FILE = "launchpad-records.json"
_FORMAT = 2
# Backports is opt-in and sorts on its own; Proposed counts, since an upload must be above it.
_COUNTED = ("Release", "Security", "Updates", "Proposed")

Clock = Callable[[], datetime]
Note = Callable[[str], None]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True)
class KeptAnswer:
    """Publication records, and when Launchpad gave them; `fresh` if it was in time."""

    publications: tuple[Publication, ...]
    asked_at: datetime
    fresh: bool


def age(asked_at: datetime, now: datetime) -> str:
    """How old an answer is, in words.

    >>> age(datetime(2026, 11, 20, 9), datetime(2026, 11, 23, 10))
    '3 days old'
    """
    hours = max(0, int((now - asked_at).total_seconds() // 3600))
    number, unit = (hours // 24, "day") if hours >= 24 else (hours, "hour")
    if number == 0:
        return "less than an hour old"
    return f"{number} {unit}{'s' if number > 1 else ''} old"


class Records:
    """Answers of one service root, from the file or from Launchpad.

    Parameters:
        folder: the cache folder; the file in it is ``launchpad-records.json``.
        client: who asks Launchpad; without one only the file is used.
        max_age: how old an answer may be before it is asked for again.
        now: the clock, in UTC.
    """

    def __init__(
        self,
        folder: Path,
        client: LaunchpadlibClient | None,
        *,
        max_age: timedelta = timedelta(days=1),
        now: Clock = _utc_now,
    ) -> None:
        self._path = folder / FILE
        self._client = client
        self._max_age = max_age
        self._now = now
        self.root = client.root if client else service_root()
        self.refusals: list[RefusedError] = []
        self.failure: RemoteError | None = None

    def published(self, source: str, series: str) -> KeptAnswer | None:
        """The records of a source in an Ubuntu series, "" for all; None if nobody can tell."""
        return self._answer(
            f"ubuntu/{series or '*'}/{source}",
            lambda client: client.published_sources(source, series),
        )

    def queued(self, source: str, series: str) -> KeptAnswer | None:
        """The uploads of a source in a series' queue; None if nobody can tell."""
        return self._answer(
            f"ubuntu/{series}/{source}/queue", lambda client: client.queued_sources(source, series)
        )

    def of_version(
        self, source: str, version: str, distribution: str, series: str = ""
    ) -> KeptAnswer | None:
        """The records of one version, the first with its files.

        Parameters:
            series: only there; "" for every series.
        """

        def question(client: LaunchpadlibClient) -> tuple[Publication, ...]:
            publications = client.published_sources(
                source, series, version=version, distribution=distribution
            )
            if not publications:
                return ()
            first, *others = publications
            return (replace(first, files=client.source_files(first)), *others)

        return self._answer(f"{distribution}/{series or '*'}/{source}={version}", question)

    @property
    def trouble(self) -> RemoteError | None:
        """Why an answer is missing, as far as that is known."""
        return self.failure or (self.refusals[-1] if self.refusals else None)

    def missing(self, what: str) -> RemoteError:
        """The error for what no record tells, of now or kept."""
        return self.trouble or RemoteError(
            f"no kept record tells {what}",
            where=self.root,
            advice="run it once with Launchpad in reach",
        )

    @property
    def who(self) -> str:
        """Whose records they are: a service root of tests is never called Launchpad."""
        return "Launchpad" if self.root == PRODUCTION else self.root

    def age(self, answer: KeptAnswer) -> str:
        """How old an answer is, in words."""
        return age(answer.asked_at, self._now())

    def _answer(
        self, key: str, question: Callable[[LaunchpadlibClient], tuple[Publication, ...]]
    ) -> KeptAnswer | None:
        kept = self._kept(key)
        if kept is not None and timedelta(0) <= self._now() - kept.asked_at <= self._max_age:
            return KeptAnswer(kept.publications, kept.asked_at, fresh=True)
        if self._client is None or self.failure is not None:
            return kept
        try:
            publications = question(self._client)
        except RefusedError as error:
            self.refusals.append(error)
            return kept
        except RemoteError as error:
            self.failure = error
            return kept
        answer = KeptAnswer(publications, self._now(), fresh=True)
        self._keep(key, answer)
        return answer

    def _roots(self) -> dict[str, dict[str, Any]]:
        """The kept answers of every service root, as JSON data; none where the file is damaged."""
        with contextlib.suppress(InputError), reading(self._path):
            data = records.read_json(self._path)
            if data["format"] == _FORMAT:
                return dict(records.decode(dict[str, dict[str, Any]], data["roots"]))
        return {}

    def _kept(self, key: str) -> KeptAnswer | None:
        # A damaged record is as good as none: it is asked for again.
        with contextlib.suppress(InputError), reading(self._path):
            data = self._roots()[self.root][key]
            publications = records.decode(tuple[Publication, ...], data["publications"])
            asked_at = datetime.fromisoformat(data["asked_at"]).astimezone(UTC)
            return KeptAnswer(publications, asked_at, fresh=False)
        return None

    def _keep(self, key: str, answer: KeptAnswer) -> None:
        roots = self._roots()
        roots.setdefault(self.root, {})[key] = {
            "asked_at": answer.asked_at.isoformat(),
            "publications": [asdict(publication) for publication in answer.publications],
        }
        data = {"format": _FORMAT, "roots": roots}
        atomic.write(self._path, json.dumps(data, indent=1, sort_keys=True))


def archive_versions(
    recipe: Recipe,
    client: LaunchpadlibClient | None,
    cache: Path,
    *,
    max_age: timedelta = timedelta(days=1),
    now: Clock = _utc_now,
    note: Note = _silent,
    work: Path | None = None,
    strict: bool = False,
) -> Mapping[tuple[str, str], Published]:
    """What each series' archive has of each source of the recipe, the retired ones included.

    Launchpad's records count, the kept ones too, as of the recipe's day if it has one; where
    there are none the recipe's own data stand as they are. A pair that nobody knows is not in
    the result.

    Parameters:
        recipe: the update.
        client: who asks Launchpad; None works offline.
        cache: the folder of `Records`.
        max_age: how old a kept answer may be before it is asked for again.
        now: the clock, in UTC.
        note: takes one sentence for each thing that a person has to know.
        work: the work folder, with the source packages that an upload was made of.
        strict: whether it is an error that Launchpad does not answer.

    Raises:
        RemoteError: see `strict`.
    """
    records = Records(cache, client, max_age=max_age, now=now)
    result: dict[tuple[str, str], Published] = {}
    stale: list[KeptAnswer] = []
    unasked = 0
    uploaded = {one.name: one.series for one in recipe.sources}
    pairs = _pairs(recipe)
    for source, series in pairs:
        named = recipe.one_series(series).archive.get(source)
        answer = records.published(source, series)
        if strict and records.trouble is not None:
            raise records.trouble
        if answer is None:
            unasked += 1
            if named is not None:
                result[source, series] = named
            continue
        if not answer.fresh:
            stale.append(answer)
        seen = newest_in_archive(answer, records, recipe.as_of)
        if source in uploaded and series in uploaded[source]:
            pair = (source, series)
            seen = _with_seen(seen, answer, records, pair, as_of=recipe.as_of, work=work)
            if strict and records.trouble is not None:
                raise records.trouble
        result[source, series] = seen
        if named is not None and named.version != seen.version:
            note(
                f"{source} in {series}: the recipe says {named.version or 'none'}, but the "
                f"publication records say {seen.version or 'none'}, which counts"
            )
    for error in (*records.refusals, *([records.failure] if records.failure else [])):
        note(str(error))
    if stale:
        oldest = min(stale, key=lambda one: one.asked_at)
        note(f"{len(stale)} kept publication records are used; they are {records.age(oldest)}")
    if unasked:
        note(
            f"for {unasked} of {len(pairs)} pairs of source and series there is no publication "
            "record: the recipe's own data stand"
        )
    return result


def _pairs(recipe: Recipe) -> Collection[tuple[str, str]]:
    every = [(source.name, series.name) for source in recipe.sources for series in recipe.series]
    old = [(retired.name, series) for retired in recipe.retired for series in retired.series]
    return tuple(dict.fromkeys(every + old))


def _with_seen(
    has: Published,
    answer: KeptAnswer,
    records: Records,
    pair: tuple[str, str],
    *,
    as_of: date | None,
    work: Path | None,
) -> Published:
    """What a series has, with every version that was seen there, and whether it is our upload.

    A version is taken once for an archive, whatever becomes of it.

    Parameters:
        has: what the series has. answer: its records. pair: source package and series.
        as_of: the day that the archive is looked at; None for now. Today's queue is not that
            day's, and is not asked.
        work: the work folder with our own source packages; None for none.
    """
    source, series = pair
    queue = None if as_of else records.queued(source, series)
    every = (*answer.publications, *(queue.publications if queue else ()))
    seen = tuple(dict.fromkeys(one.version for one in every if one.was_seen(as_of)))
    own = work / "source" / series / source if work else None
    dsc = own / f"{source}_{file_version(has.version)}.dsc" if own and has.version else None
    ours = False
    if dsc is not None and dsc.is_file():
        detail = records.of_version(source, has.version, "ubuntu", series)
        theirs = detail.publications[0].content if detail and detail.publications else {}
        # A sponsor signs the .dsc anew; what it describes stays.
        ours = theirs == {file.name: file.sha256 for file in read_dsc(dsc).files}
    return replace(has, seen=seen, ours=ours)


def in_archive(answer: KeptAnswer, as_of: date | None = None) -> list[Publication]:
    """The records of what a series has, in the pockets that an upload has to exceed.

    Parameters:
        as_of: the day that the archive is looked at; None for now.
    """
    return [
        publication
        for publication in answer.publications
        if publication.pocket in _COUNTED
        and (publication.was_in_archive(as_of) if as_of else publication.in_archive)
    ]


def newest_in_archive(answer: KeptAnswer, records: Records, as_of: date | None = None) -> Published:
    """The highest version that a series has, with the record as its confirmation.

    Parameters:
        as_of: the day that the archive is looked at; None for now.
    """
    there = in_archive(answer, as_of)
    who = records.who
    day = f" as of {as_of}" if as_of else ""
    confirmed = f"{who} publication record{day}, asked {answer.asked_at:%Y-%m-%d}"
    old = "" if answer.fresh else records.age(answer)
    if not there:
        return Published("", confirmed, old)
    highest = max(there, key=lambda one: Version(one.version))
    where = ", ".join(dict.fromkeys(one.pocket for one in there if one.version == highest.version))
    return Published(highest.version, confirmed, f"in {where}" + (f"; {old}" if old else ""))
