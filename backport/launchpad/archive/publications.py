"""Publication records, kept in a file with the time of their answer.

What Launchpad said is used again for a day; without Launchpad it is used at any age. What is made
of a record says when it was asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

from debian.debian_support import Version

from backport.engine import records
from backport.errors import InputError, RemoteError
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError
from backport.launchpad.api.environment import PRODUCTION, service_root
from backport.launchpad.archive.publication import Publication
from backport.recipe.model import Published, Recipe
from backport.source.dsc import file_version, read_dsc

FILE = "launchpad-records.json"
_FORMAT = 3
_DAY = timedelta(days=1)
# Ubuntu's record comes first: it holds what later series have, synced from Debian or not.
_DISTRIBUTIONS = ("ubuntu", "debian")
# Backports is opt-in and sorts on its own; Proposed counts, since an upload must be above it.
_COUNTED = ("Release", "Security", "Updates", "Proposed")


@dataclass(frozen=True)
class KeptAnswer:
    """Publication records, and when Launchpad gave them, in ISO 8601."""

    publications: tuple[Publication, ...]
    asked_at: str

    def __post_init__(self) -> None:
        _ = self.age

    @property
    def age(self) -> timedelta:
        """How old the answer is.

        Raises:
            ValueError: `asked_at` is no time.
        """
        return datetime.now(UTC) - datetime.fromisoformat(self.asked_at).astimezone(UTC)

    @property
    def asked(self) -> str:
        """When it was asked for, in words."""
        return f"asked {self.asked_at[:10]}"


@dataclass(frozen=True)
class _KeptAnswers:
    """The answers in the file, by service root and question."""

    answers: dict[str, KeptAnswer]


class Records:
    """Answers of one service root, from the file or from Launchpad.

    `troubles` is why answers are missing, as far as that is known.

    Parameters:
        folder: the cache folder; the file in it is ``launchpad-records.json``.
        client: who asks Launchpad; without one only the file is used.
        fresh: ask for everything now, whatever was kept; no answer is an error then.
    """

    def __init__(
        self, folder: Path, client: LaunchpadlibClient | None, *, fresh: bool = False
    ) -> None:
        self._path = folder / FILE
        self._client = client
        self._fresh = fresh
        self.root = client.root if client else service_root()
        self.troubles: list[RemoteError] = []

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

    def of_any_archive(self, source: str, version: str) -> KeptAnswer | None:
        """The records of one version in Ubuntu's archive, else in Debian's.

        Records of every series and pocket count, those of ended series too: their files stay on
        Launchpad. None if nobody can tell; no publications if no archive ever had that version.
        """
        answer = None
        for distribution in _DISTRIBUTIONS:
            answer = self.of_version(source, version, distribution)
            if answer is None or answer.publications:
                break
        return answer

    def missing(self, what: str) -> RemoteError:
        """The error for what no record tells, of now or kept."""
        if self.troubles:
            return self.troubles[-1]
        return RemoteError(
            f"no kept record tells {what}",
            where=self.root,
            advice="run it once with Launchpad in reach",
        )

    @property
    def who(self) -> str:
        """Whose records they are: a service root of tests is never called Launchpad."""
        return "Launchpad" if self.root == PRODUCTION else self.root

    def _answer(
        self, key: str, question: Callable[[LaunchpadlibClient], tuple[Publication, ...]]
    ) -> KeptAnswer | None:
        kept = self._kept.answers.get(f"{self.root} {key}")
        if kept is not None and timedelta(0) <= kept.age <= _DAY and not self._fresh:
            return kept
        # A refusal concerns its own question; after any other failure nothing more is asked.
        if self._client is None or not all(isinstance(one, RefusedError) for one in self.troubles):
            return kept
        try:
            publications = question(self._client)
        except RemoteError as error:
            if self._fresh:
                raise
            self.troubles.append(error)
            return kept
        answer = KeptAnswer(publications, datetime.now(UTC).isoformat())
        self._kept.answers[f"{self.root} {key}"] = answer
        records.save(self._path, self._kept, _FORMAT)
        return answer

    @cached_property
    def _kept(self) -> _KeptAnswers:
        """What is in the file; a damaged one is as good as none."""
        with contextlib.suppress(InputError):
            return records.load(_KeptAnswers, self._path, what="", advice="", form=_FORMAT)
        return _KeptAnswers({})


def archive_versions(
    recipe: Recipe,
    kept: Records,
    *,
    note: Callable[[str], None] = lambda _: None,
    work: Path | None = None,
) -> Mapping[tuple[str, str], Published]:
    """What each series' archive has of each source of the recipe, the retired ones included.

    Launchpad's records count, the kept ones too, as of the recipe's day if it has one; where
    there are none the recipe's own data stand as they are. A pair that nobody knows is not in
    the result.

    Parameters:
        note: takes one sentence for each thing that a person has to know.
        work: the work folder, with the source packages that an upload was made of.

    Raises:
        RemoteError: fresh records are wanted, and Launchpad does not answer.
    """
    result: dict[tuple[str, str], Published] = {}
    every = {(source.name, series.name) for source in recipe.sources for series in recipe.series}
    every |= {(retired.name, series) for retired in recipe.retired for series in retired.series}
    uploaded = {(one.name, series) for one in recipe.sources for series in one.series}
    unasked = 0
    for source, series in sorted(every):
        named = recipe.one_series(series).archive.get(source)
        answer = kept.published(source, series)
        if answer is None:
            unasked += 1
            if named is not None:
                result[source, series] = named
            continue
        has = newest_in_archive(answer, kept, recipe.as_of)
        if (source, series) in uploaded:
            has = _with_seen(has, answer, kept, (source, series), as_of=recipe.as_of, work=work)
        result[source, series] = has
        if named is not None and named.version != has.version:
            note(
                f"{source} in {series}: the recipe says {named.version or 'none'}, but the "
                f"publication records say {has.version or 'none'}, which counts"
            )
    for error in kept.troubles:
        note(str(error))
    if unasked:
        note(
            f"for {unasked} of {len(every)} pairs of source and series there is no publication "
            "record: the recipe's own data stand"
        )
    return result


def _with_seen(
    has: Published,
    answer: KeptAnswer,
    kept: Records,
    pair: tuple[str, str],
    *,
    as_of: date | None,
    work: Path | None,
) -> Published:
    """What a series has, with every version that was seen there, and whether it is our upload.

    A version is taken once for an archive, whatever becomes of it. Today's queue says nothing of
    another day.

    Parameters:
        work: the work folder with our own source packages; None for none.
    """
    source, series = pair
    queue = None if as_of else kept.queued(source, series)
    every = (*answer.publications, *(queue.publications if queue else ()))
    seen = tuple(dict.fromkeys(one.version for one in every if one.was_seen(as_of)))
    own = work / "source" / series / source if work else None
    dsc = own / f"{source}_{file_version(has.version)}.dsc" if own and has.version else None
    ours = False
    if dsc is not None and dsc.is_file():
        detail = kept.of_version(source, has.version, "ubuntu", series)
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


def newest_in_archive(answer: KeptAnswer, kept: Records, as_of: date | None = None) -> Published:
    """The highest version that a series has, with the record as its confirmation.

    Parameters:
        as_of: the day that the archive is looked at; None for now.
    """
    there = in_archive(answer, as_of)
    day = f" as of {as_of}" if as_of else ""
    confirmed = f"{kept.who} publication record{day}, {answer.asked}"
    if not there:
        return Published("", confirmed)
    highest = max(there, key=lambda one: Version(one.version))
    where = ", ".join(dict.fromkeys(one.pocket for one in there if one.version == highest.version))
    return Published(highest.version, confirmed, f"in {where}")
