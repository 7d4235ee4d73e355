"""What a report consists of, as data; `report_data` gathers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backport.check import finding
from backport.recipe import Recipe
from backport.sru.checklist_data import Checklist
from backport.sru.manifest import BaseRecord, Manifest

INTERLEAVING_COUNTS = ("orders", "blocked", "error", "mismatch", "inconsistent")
STATES = ("passed", "failed", "skipped", "broken")


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
    """One source in one series. Without a version nothing is uploaded there."""

    series: str
    version: str = ""
    made: Chip | None = None
    build: Chip | None = None
    tests: tuple[Chip, ...] = ()
    checks: tuple[Chip, ...] = ()


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
class Histogram:
    """Numbers over named bins, such as how many systems' timers fire in each hour."""

    title: str
    unit: str
    bins: tuple[tuple[str, float], ...]
    note: str
    link: str


@dataclass(frozen=True)
class Interleaving:
    """A test of the orders of two writers: how many were run, and how many went wrong.

    `rows` are kinds of orders, each with the numbers of `INTERLEAVING_COUNTS`.
    """

    name: str
    verdict: Chip
    orders: int
    bad: int
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class PpaTest:
    """A test that Ubuntu's own service ran on the packages of a PPA."""

    name: str
    version: str
    verdict: Chip


@dataclass(frozen=True)
class FindingLine:
    """A finding of a check, and where its check's log is."""

    found: finding.Finding
    where: str
    link: str


@dataclass(frozen=True)
class Report:
    """All that the page shows. `link` is what the evidence's files are below, from the page."""

    manifest: Manifest
    recipe: Recipe
    archive: str
    sha256: str
    series: tuple[str, ...]
    lines: tuple[Line, ...]
    patches: tuple[Patch, ...]
    changes: Mapping[str, tuple[str, ...]]
    pairs: tuple[Pair, ...]
    histograms: tuple[Histogram, ...]
    interleavings: tuple[Interleaving, ...]
    risk: Mapping[str, Any]
    ppa: tuple[PpaTest, ...]
    builds: tuple[tuple[str, Chip], ...]
    findings: tuple[FindingLine, ...]
    checks_run: bool
    counts: Mapping[str, int]
    bases: tuple[BaseRecord, ...]
    checklist: Checklist | None

    @property
    def cells(self) -> int:
        """How many packages the update makes: sources times the series that get them."""
        return sum(bool(cell.version) for line in self.lines for cell in line.cells)
