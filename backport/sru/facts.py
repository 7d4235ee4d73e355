"""What Launchpad says of an update: the bug, what is published where, and by which files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from backport.errors import RemoteError
from backport.launchpad.api.client import LaunchpadlibClient, RefusedError
from backport.launchpad.archive.publication import Publication
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug.data import Bug
from backport.launchpad.bug.description import hide
from backport.launchpad.builds.states import PublishedBinary, read_binaries
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.recipe.versions import Pair


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
    binaries: Mapping[Pair, tuple[PublishedBinary, ...]] = field(default_factory=dict)
    updates: Mapping[Pair, tuple[PublishedBinary, ...]] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()

    def in_pocket(self, pair: Pair, pocket: str) -> Publication | None:
        """What a pocket has of a source now; None for nothing."""
        current = ("Published", "Pending")
        there = (one for one in self.publications.get(pair, ()) if one.status in current)
        return next((one for one in there if one.pocket == pocket), None)

    def to_json(self) -> dict[str, Any]:
        """All that Launchpad said, as JSON data, so that what is read from it can be read again.

        The record lies beside the evidence, for everybody: a text is in it as Launchpad shows it
        to those who are not logged in.
        """
        lists = {
            name: {
                f"{series}/{source}": [asdict(one) for one in entries]
                for (source, series), entries in getattr(self, name).items()
            }
            for name in ("publications", "binaries", "updates")
        }
        bug = self.bug and asdict(
            replace(
                self.bug,
                title=hide(self.bug.title),
                description=hide(self.bug.description),
                comments=tuple(map(hide, self.bug.comments)),
            )
        )
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
    binaries: dict[Pair, tuple[PublishedBinary, ...]] = {}
    updates: dict[Pair, tuple[PublishedBinary, ...]] = {}
    try:
        try:
            bug = bugs.read(client, recipe.bug)
        except RefusedError as error:
            troubles.append(str(error))
        for source, series in uploads(recipe):
            try:
                records = client.published_sources(source, series)
                publications[source, series] = records
                for pocket, target in (("Proposed", binaries), ("Updates", updates)):
                    there = Facts("", publications=publications).in_pocket((source, series), pocket)
                    if there is not None:
                        what = f"{source} {there.version}"
                        target[source, series] = read_binaries(client, what, there.link)
            except RefusedError as error:
                troubles.append(str(error))
    except RemoteError as error:
        troubles.append(str(error))
    return Facts(moment, bug, publications, binaries, updates, tuple(dict.fromkeys(troubles)))


def uploads(recipe: Recipe) -> dict[Pair, str]:
    """The versions that the update uploads."""
    return {(row.source, row.series): row.ours for row in versions.table(recipe, {}) if row.ours}
