"""The pieces of a report, as data; `report_data` gathers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from backport.source.dep3 import Dep3
from backport.source.weight import Weight
from backport.sru.sections import Section

STATES = ("failed", "broken", "skipped", "passed")
"""The kinds of verdicts, the worst first."""


@dataclass(frozen=True)
class Badge:
    """A verdict with its words and the file that it comes from ("" for none)."""

    state: str
    text: str
    link: str = ""
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Cell:
    """One source in one series. Without a version nothing is uploaded there.

    `weight` is what somebody has to read of it; None where that was not counted.
    """

    series: str
    version: str = ""
    made: Badge | None = None
    build: Badge | None = None
    tests: tuple[Badge, ...] = ()
    checks: tuple[Badge, ...] = ()
    weight: Weight | None = None


@dataclass(frozen=True)
class Patch:
    """A quilt patch: its header, and the series that have it."""

    name: str
    head: Dep3
    series: tuple[str, ...]
    link: str


@dataclass(frozen=True)
class Contrast:
    """A test beside its controls: the patched packages pass, the unpatched show the harm."""

    series: str
    source: str
    test: str
    patched: Badge
    controls: tuple[tuple[str, Badge], ...]


@dataclass(frozen=True)
class Artifact:
    """A section that a test left among its artifacts; `test` names it, `link` leads to the file."""

    section: Section
    test: str
    verdict: Badge
    link: str


@dataclass(frozen=True)
class Overall:
    """The verdict over all steps: `state` is the worst of theirs, and passed only if all passed.

    `missing` says what was left out though it passed, "" for nothing; `steps` are the names and
    links to the logs of those in that state.
    """

    state: str
    counts: Mapping[str, int]
    missing: str
    steps: tuple[tuple[str, str], ...]

    @property
    def word(self) -> str:
        """The verdict in words."""
        words = {"failed": "Failed", "broken": "Not known", "skipped": "Incomplete"}
        return words.get(self.state, "Passed")

    @property
    def sentence(self) -> str:
        """How many steps ended how, the worst first, and what was left out."""
        counted = ", ".join(f"{self.counts[one]} {one}" for one in STATES if self.counts[one])
        return f"steps: {counted or 'none'}{'; ' + self.missing if self.missing else ''}"


def href(link: str, name: str) -> str:
    """The link to a file below the folder that `link` leads to; "" where that is ""."""
    return f"{link}/{quote(name)}" if link else ""
