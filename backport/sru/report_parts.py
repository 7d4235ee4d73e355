"""What a report consists of, as data; `report_data` gathers it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from backport.check import finding
from backport.engine import programs
from backport.recipe.model import Recipe
from backport.source.weight import Weight
from backport.sru import manifest
from backport.sru.checklist_data import Checklist
from backport.sru.manifest import BaseRecord, Content, Manifest, StepRecord
from backport.sru.sections import Section

STATES = ("passed", "failed", "skipped", "broken")
WORST = ("failed", "broken", "skipped", "passed")
# What tells best how a step went; the record of its commands is there for every step that ran.
_LOGS = (
    "build.log", "log", "source.log", "lintian.log", "second-build.log", "lifecycle.log",
    programs.FILE,
)  # fmt: skip


@dataclass(frozen=True)
class Chip:
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
    made: Chip | None = None
    build: Chip | None = None
    tests: tuple[Chip, ...] = ()
    checks: tuple[Chip, ...] = ()
    weight: Weight | None = None


@dataclass(frozen=True)
class Line:
    """A source package over all series."""

    source: str
    upstream: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Patch:
    """A quilt patch: its DEP-3 header, how much it changes, and the series that have it."""

    source: str
    name: str
    title: str
    text: tuple[str, ...]
    author: str
    origin: str
    forwarded: str
    bug: str
    updated: str
    files: int
    added: int
    removed: int
    series: tuple[str, ...]
    link: str


@dataclass(frozen=True)
class Count:
    """Something that went wrong, `bad` times of `total`; `what` names the things."""

    label: str
    bad: int
    total: int
    what: str
    detail: str = ""


@dataclass(frozen=True)
class Pair:
    """A test beside its controls: the patched packages pass, the unpatched show the harm."""

    series: str
    source: str
    test: str
    patched: Chip
    patched_counts: tuple[Count, ...]
    controls: tuple[tuple[str, Chip, tuple[Count, ...]], ...]


@dataclass(frozen=True)
class Shown:
    """A section that a test left among its artifacts; `test` names it, `link` leads to the file."""

    section: Section
    test: str
    verdict: Chip
    link: str


@dataclass(frozen=True)
class PpaTest:
    """A run of Ubuntu's autopkgtest service on the packages of a PPA.

    `arch` and `trigger` as the service says; `counts` says that it stands in place of what ran
    here, or why not.
    """

    name: str
    arch: str
    version: str
    trigger: str
    verdict: Chip
    counts: str


@dataclass(frozen=True)
class FindingLine:
    """A finding of a check, and where its check's log is."""

    found: finding.Finding
    where: str
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
        counted = ", ".join(f"{self.counts[one]} {one}" for one in WORST if self.counts[one])
        return f"steps: {counted or 'none'}{'; ' + self.missing if self.missing else ''}"


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    `checks_run` and `checks_left` are the numbers of checks that left findings and that did not.
    `link` is what the evidence's files are below, seen from the page; "" where the page has no
    place, and so no links. `in_place` are the verdicts of Ubuntu's autopkgtest service that stand
    in place of those of steps, by the steps' names.
    """

    manifest: Manifest
    overall: Overall
    link: str
    recipe: Recipe
    archive: str
    sha256: str
    series: tuple[str, ...]
    lines: tuple[Line, ...]
    patches: tuple[Patch, ...]
    changes: Mapping[str, tuple[str, ...]]
    pairs: tuple[Pair, ...]
    shown: tuple[Shown, ...]
    ppa: tuple[PpaTest, ...]
    in_place: Mapping[str, Chip]
    builds: tuple[tuple[str, Chip], ...]
    findings: tuple[FindingLine, ...]
    checks_run: int
    checks_left: int
    counts: Mapping[str, int]
    bases: tuple[BaseRecord, ...]
    checklist: Checklist | None

    @property
    def cells(self) -> int:
        """How many packages the update makes: sources times the series that get them."""
        return sum(bool(cell.version) for line in self.lines for cell in line.cells)

    def built(self, *states: str) -> int:
        """How many of these packages have a build that ended so."""
        cells = (cell for line in self.lines for cell in line.cells)
        return sum(cell.build is not None and cell.build.state in states for cell in cells)

    def href(self, name: str) -> str:
        """The link to a file of the evidence; "" for one that it does not have."""
        there = name in self.manifest.files or name == manifest.FILE
        return href(self.link, name) if there else ""

    def beside(self, name: str) -> str:
        """The link to a file that lies beside the evidence's folder."""
        return posixpath.normpath(href(f"{self.link}/..", name)) if self.link else ""

    def log(self, step: StepRecord) -> str:
        """The link to a step's log; "" for a step that never began."""
        return self.href(log_of(step, self.manifest.files))


def href(link: str, name: str) -> str:
    """The link to a file below the folder that `link` leads to; "" where that is ""."""
    return f"{link}/{quote(name)}" if link else ""


def log_of(step: StepRecord, files: Mapping[str, Content]) -> str:
    """The path of a step's log in the evidence; else that of its first file, "" for none."""
    if not step.folder:
        return ""
    named = (f"{step.folder}/{name}" for name in _LOGS)
    below = (name for name in files if name.startswith(f"{step.folder}/"))
    return next((name for name in (*named, *below) if name in files), "")
