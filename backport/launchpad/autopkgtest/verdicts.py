"""Verdicts of Ubuntu's autopkgtest service that stand in place of local ones.

``backport test --on ppa`` keeps what the service said in a summary. A result counts for a test if
it is of a version in the PPA that was made of this very source package: what the service says of
another version, or of a source package that has changed since, counts for nothing. Where several
architectures were tested the worst verdict counts; what the service skipped it did not test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backport.engine import records, verdict
from backport.engine.step import StepId
from backport.errors import reading
from backport.launchpad.upload import journal
from backport.launchpad.upload.journal import UploadRecord
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict

FOLDER = "ppa-test"
SUMMARY = f"{FOLDER}/summary.json"
FORMAT = 2
SERVICE = "Ubuntu's autopkgtest service"
_RANK = ("failed", "broken", "passed")
_VERDICT = ("verdict", "detail", "reason", "stage", "log")

Pair = tuple[str, str]


@dataclass(frozen=True)
class ArchVerdict:
    """What the service said of a test on one architecture.

    `version` was tested, for `trigger`; `result` is the address of the run and `log` that of its
    log, `file` the log's own copy below the folder of the records.
    """

    arch: str
    verdict: Verdict
    version: str
    trigger: str
    result: str
    log: str
    file: str


@dataclass(frozen=True)
class ServiceTest:
    """A test that the service ran, over its architectures; `variant` is set for a control."""

    source: str
    series: str
    test: str
    variant: str
    cells: tuple[ArchVerdict, ...]

    @property
    def step(self) -> StepId:
        """The step whose place it takes."""
        return StepId("test", self.series, self.source, self.variant, self.test)

    @property
    def worst(self) -> ArchVerdict:
        """The architecture that decides."""
        return min(self.cells, key=lambda one: _RANK.index(verdict.kind(one.verdict)))

    @property
    def origin(self) -> str:
        """Where the verdict comes from, such as ``ppa: amd64, arm64``."""
        return f"ppa: {', '.join(one.arch for one in self.cells)}"

    @property
    def verdict(self) -> Verdict:
        """The verdict over all architectures; it names the service, them and the version."""
        worst = self.worst
        match worst.verdict:
            case Failed(stage, detail):
                return Failed(stage, f"{detail} ({SERVICE}, {worst.arch}, {worst.version})")
            case Broken(detail):
                return Broken(f"{detail} ({SERVICE}, {worst.arch}, {worst.version})")
        arches = ", ".join(one.arch for one in self.cells)
        said = verdict.text(worst.verdict)
        where = f"{SERVICE}, {arches}, {worst.version}"
        return Passed(f"{said} ({where})" if said else where)

    @property
    def told(self) -> str:
        """Where it comes from, in full: architectures, version, trigger and the log's address."""
        worst = self.worst
        return (
            f"{self.origin}; version {worst.version}; trigger {worst.trigger or 'not told'}; "
            f"log {worst.log or worst.result}"
        )


@dataclass(frozen=True)
class SummaryRow:
    """A line of the summary: a run, or a control; `counts` is "" or why it does not count."""

    source: str
    series: str
    arch: str
    control: str
    version: str
    trigger: str
    verdict: Verdict
    address: str
    file: str
    counts: str


@dataclass(frozen=True)
class ServiceTests:
    """All that the service said: the tests that count, by their steps, and every row."""

    tests: Mapping[StepId, ServiceTest] = field(default_factory=dict)
    rows: tuple[SummaryRow, ...] = ()


@dataclass(frozen=True)
class UploadedVersions:
    """What in a PPA is this very source package: its versions there, and the update's own."""

    update: str
    versions: frozenset[str]


def sent_of(
    uploads: Iterable[UploadRecord], own: Mapping[Pair, str]
) -> dict[Pair, UploadedVersions]:
    """What was uploaded of these very source packages.

    Parameters:
        own: the sha256 of the update's own .dsc, by source and series.
    """
    found: dict[Pair, UploadedVersions] = {}
    for one in uploads:
        pair = (one.source, one.series)
        arrived = one.state in ("sent", "accepted")
        if arrived and one.made_of and one.made_of == own.get(pair):
            before = found[pair].versions if pair in found else frozenset()
            found[pair] = UploadedVersions(one.update, before | {one.version})
    return found


def read(folder: Path, own: Mapping[Pair, str]) -> ServiceTests:
    """What the service said, by the records below `folder`: a work folder's, or the evidence's.

    Parameters:
        own: the sha256 of the update's own .dsc, by source and series.

    Raises:
        InputError: a record is damaged.
    """
    data = summary(folder)
    if not data:
        return ServiceTests()
    uploads = journal.read(folder, str(data["ppa"]), str(data["launchpad"]))
    return service_tests(data, sent_of(uploads, own))


def summary(folder: Path) -> dict[str, Any]:
    """The summary below a folder of records; empty where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / SUMMARY
    if not path.exists():
        return {}
    what = "this summary of the tests in the PPA cannot be read"
    with reading(path, what=what, advice="remove it, and run: backport test --on ppa"):
        data: dict[str, Any] = records.read_json(path)
        if data["format"] != FORMAT:
            raise ValueError("it is of another format")
        _check(data)
        return data


def _check(data: Mapping[str, Any]) -> None:
    """Read everything once, so that a damaged part is known before any of it counts."""
    service_tests(data, {})
    for row in data["tests"]:
        for said in row["each"].values():
            verdict.from_json(said)
    _ = (data["ppa"], data["launchpad"], data["control_ppa"])


def service_tests(data: Mapping[str, Any], sent: Mapping[Pair, UploadedVersions]) -> ServiceTests:
    """The tests and rows of a summary.

    Parameters:
        sent: what in the PPA is this very source package.
    """
    cells: dict[tuple[str, str, str, str], list[ArchVerdict]] = {}
    rows = []
    for row, control in _rows(data):
        pair = (row["source"], row["series"])
        made = verdict.from_json({key: row[key] for key in _VERDICT if key in row})
        counts = _why_not(row, control, sent.get(pair))
        mark = f"+{row['variant']}" if control else ""
        file = f"{FOLDER}/{row['series']}/{row['source']}@{row['arch']}{mark}/log.gz"
        address = str(row["result"] or row.get("request", ""))
        trigger = str(row["trigger"])
        rows.append(
            SummaryRow(*pair, row["arch"], row["control"] if control else "", row["version"], trigger,
                made, address, file, counts)
        )  # fmt: skip
        if counts:
            continue
        each = {row["control"]: made} if control else _each(row)
        for name, said in each.items():
            if not isinstance(said, Skipped):
                key = (*pair, name, row["variant"] if control else "")
                cells.setdefault(key, []).append(
                    ArchVerdict(row["arch"], said, row["version"], trigger, row["result"],
                         row["log_address"], file)
                )  # fmt: skip
    every = (ServiceTest(*key, tuple(found)) for key, found in cells.items())
    return ServiceTests({one.step: one for one in every}, tuple(rows))


def _rows(data: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    yield from ((row, False) for row in data["tests"])
    yield from ((row, True) for row in data["controls"])


def _each(row: Mapping[str, Any]) -> dict[str, Verdict]:
    return {name: verdict.from_json(said) for name, said in row["each"].items()}


def _why_not(row: Mapping[str, Any], control: bool, sent: UploadedVersions | None) -> str:
    """Why a row does not count; "" if it does."""
    if not row["result"]:
        return "no result"
    if sent is None:
        return "not of this source package"
    if control:
        if is_variant_of(row["version"], sent.update, row["variant"]):
            return ""
        return f"{row['version']} is not {row['variant']} of {sent.update}"
    return "" if row["version"] in sent.versions else "another version"


def is_variant_of(version: str, update: str, variant: str) -> bool:
    """Whether a version is one of the update's variant, as the recipe or a PPA numbers it.

    >>> is_variant_of("1.0-1~ppa2~unpatched1", "1.0-1", "unpatched")
    True
    >>> is_variant_of("1.1-1~unpatched1", "1.0-1", "unpatched")
    False
    """
    form = rf"{re.escape(update)}(~ppa[0-9]+)?~{re.escape(variant)}[0-9]+"
    return re.fullmatch(form, version) is not None
