"""What Launchpad says of an update: the bug, what is published where, and by which files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from backport.errors import RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.retry import RefusedError
from backport.launchpad.archive.publication import Publication
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug.plan import Bug
from backport.recipe import versions
from backport.recipe.model import Recipe

Pair = tuple[str, str]


@dataclass(frozen=True)
class PublishedFile:
    """A binary package in -proposed: its file, with the hash that Launchpad gives.

    `phased` is the share of users in percent that get an update, None for all of them.
    """

    package: str
    version: str
    file: str
    sha256: str
    url: str
    phased: int | None = None


@dataclass(frozen=True)
class Facts:
    """What could be read. A pair is (source, series).

    `asked` is when, in ISO 8601; "" if Launchpad was not asked. `publications` has no entry for
    a pair that could not be asked about; `binaries` are those of the version that is in
    -proposed, `updates` those in -updates. `troubles` say what could not be read, and why.
    """

    asked: str
    bug: Bug | None = None
    publications: Mapping[Pair, tuple[Publication, ...]] = field(default_factory=dict)
    binaries: Mapping[Pair, tuple[PublishedFile, ...]] = field(default_factory=dict)
    updates: Mapping[Pair, tuple[PublishedFile, ...]] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()

    def in_pocket(self, pair: Pair, pocket: str) -> Publication | None:
        """What a pocket has of a source now; None for nothing."""
        there = [
            one
            for one in self.publications.get(pair, ())
            if one.pocket == pocket and one.status in ("Published", "Pending")
        ]
        return there[0] if there else None

    def to_json(self) -> dict[str, Any]:
        """All that Launchpad said, as JSON data, so that what is read from it can be read again."""
        lists = {
            name: {
                f"{series}/{source}": [asdict(one) for one in found]
                for (source, series), found in getattr(self, name).items()
            }
            for name in ("publications", "binaries", "updates")
        }
        bug = asdict(self.bug) if self.bug is not None else None
        return {"asked": self.asked, "bug": bug, **lists, "troubles": list(self.troubles)}


NOT_ASKED = Facts("")


def read(recipe: Recipe, client: LaunchpadlibClient, now: datetime | None = None) -> Facts:
    """Read the bug and the publications of every source that is uploaded.

    What cannot be read is missing in the result and told in its `troubles`; after an error of
    the connection nothing more is asked.

    Parameters:
        now: the time, in UTC.
    """
    moment = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    troubles: list[str] = []
    bug: Bug | None = None
    publications: dict[Pair, tuple[Publication, ...]] = {}
    binaries: dict[Pair, tuple[PublishedFile, ...]] = {}
    updates: dict[Pair, tuple[PublishedFile, ...]] = {}
    try:
        try:
            bug = bugs.read(client, recipe.bug)
        except RefusedError as error:
            troubles.append(str(error))
        for source, series in uploads(recipe):
            try:
                found = client.published_sources(source, series)
                publications[source, series] = found
                for pocket, target in (("Proposed", binaries), ("Updates", updates)):
                    there = Facts("", publications=publications).in_pocket((source, series), pocket)
                    if there is not None:
                        target[source, series] = files(client, there)
            except RefusedError as error:
                troubles.append(str(error))
    except RemoteError as error:
        troubles.append(str(error))
    return Facts(moment, bug, publications, binaries, updates, tuple(dict.fromkeys(troubles)))


def uploads(recipe: Recipe) -> list[Pair]:
    """The pairs that the update uploads."""
    return [(row.source, row.series) for row in versions.table(recipe, {}) if row.ours]


def files(client: LaunchpadlibClient, publication: Publication) -> tuple[PublishedFile, ...]:
    """The binary packages of a source publication; one for all architectures is there once."""

    def question(session: Any) -> tuple[PublishedFile, ...]:
        found: dict[str, PublishedFile] = {}
        known: set[tuple[str, str]] = set()
        for one in session.load(publication.link).getPublishedBinaries():
            name = (str(one.binary_package_name), str(one.binary_package_version))
            if one.status not in ("Published", "Pending"):
                continue
            if not one.architecture_specific:
                if name in known:
                    continue
                known.add(name)
            phased = one.phased_update_percentage
            for file in one.binaryFileUrls(include_meta=True):
                url = str(file["url"])
                place = unquote(urlsplit(url).path.rpartition("/")[2])
                sha256 = str(file.get("sha256") or "")
                share = None if phased is None else int(phased)
                found[place] = PublishedFile(*name, place, sha256, url, share)
        return tuple(found[name] for name in sorted(found))

    what = f"the binary packages of {publication.source} {publication.version}"
    return client.ask(what, question)
