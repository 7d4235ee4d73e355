"""Verdicts of Ubuntu's autopkgtest service that stand in place of local ones.

``backport test --on ppa`` keeps what the service said in a summary. A result counts for a test if
it is of a version in the PPA that was made of this very source package: what the service says of
another version, or of a source package that has changed since, counts for nothing. Where several
architectures were tested the worst verdict counts; what the service skipped it did not test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from backport.engine import records, verdict
from backport.engine.step import StepId
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.launchpad.upload import journal
from backport.launchpad.upload.journal import UploadRecord
from backport.launchpad.upload.ppa import update_of
from backport.recipe.versions import Pair

FOLDER = "ppa-test"
SUMMARY = f"{FOLDER}/summary.json"
FORMAT = 3
SERVICE = "Ubuntu's autopkgtest service"
_RANK = ("failed", "broken", "passed")


@dataclass(frozen=True)
class ServiceRun:
    """A run on one architecture, as the summary has it; with a `variant` it is a control.

    `result` is the run's address, "" without one, `log_address` that of its log, and `trigger`
    what the service was told that the test is for. `request` is the address that asks for the
    run, and `each` has the verdict of every test. A control is called `control` in the recipe,
    and is one of `test`.
    """

    source: str
    series: str
    arch: str
    version: str
    verdict: Verdict
    result: str = ""
    log_address: str = ""
    trigger: str = ""
    request: str = ""
    each: Mapping[str, Verdict] = field(default_factory=dict)
    test: str = ""
    control: str = ""
    variant: str = ""

    @property
    def pair(self) -> Pair:
        """Source package and series."""
        return self.source, self.series

    @property
    def cell(self) -> tuple[str, ...]:
        """All that tells it from the other runs of a version."""
        return (*self.pair, self.arch, self.test, self.control, self.variant)

    @property
    def file(self) -> str:
        """The log's own copy below the folder of the records."""
        mark = f"+{self.variant}" if self.variant else ""
        return f"{FOLDER}/{self.series}/{self.source}@{self.arch}{mark}/log.gz"


@dataclass(frozen=True)
class ServiceSummary:
    """All that the service said of a PPA; `launchpad` is the service root that has the PPA."""

    ppa: str
    control_ppa: str
    launchpad: str
    tests: tuple[ServiceRun, ...]
    controls: tuple[ServiceRun, ...]

    def write(self, work: Path) -> Path:
        """Keep it in the work folder, by one rename."""
        return records.save(work / SUMMARY, self, FORMAT)

    def after(self, old: ServiceSummary | None) -> ServiceSummary:
        """This one, with what earlier calls read of other series and architectures.

        A result that was read once stays, also when its throw-away PPA is gone, until there is
        one of a newer version. Of another PPA nothing stays.
        """
        if old is None or (old.ppa, old.launchpad) != (self.ppa, self.launchpad):
            return self
        versions = {test.pair: test.version for test in self.tests}
        same = {
            test.pair for test in old.tests if versions.get(test.pair, test.version) == test.version
        }

        def joined(
            before: Iterable[ServiceRun], now: Iterable[ServiceRun]
        ) -> tuple[ServiceRun, ...]:
            kept = {run.cell: run for run in before if run.pair in same}
            has = {cell for cell, run in kept.items() if run.result}
            fresh = {run.cell: run for run in now if run.result or run.cell not in has}
            return tuple((kept | fresh).values())

        return replace(
            self,
            control_ppa=self.control_ppa or old.control_ppa,
            tests=joined(old.tests, self.tests),
            controls=joined(old.controls, self.controls),
        )


def read_summary(folder: Path) -> ServiceSummary | None:
    """The summary below a folder of records; None where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / SUMMARY
    if not path.exists():
        return None
    what = "this summary of the tests in the PPA cannot be read"
    advice = "remove it, and run: backport test --on ppa"
    return records.load(ServiceSummary, path, what=what, advice=advice, form=FORMAT)


@dataclass(frozen=True)
class ServiceTest:
    """A test that the service ran; `runs` have its verdict on each architecture.

    `variant` is set for a control.
    """

    source: str
    series: str
    test: str
    variant: str
    runs: tuple[ServiceRun, ...]

    @property
    def step(self) -> StepId:
        """The step whose place it takes."""
        return StepId("test", self.series, self.source, self.variant, self.test)

    @property
    def worst(self) -> ServiceRun:
        """The architecture that decides."""
        return min(self.runs, key=lambda run: _RANK.index(verdict.kind(run.verdict)))

    @property
    def origin(self) -> str:
        """Where the verdict comes from, such as ``ppa: amd64, arm64``."""
        return f"ppa: {', '.join(run.arch for run in self.runs)}"

    @property
    def verdict(self) -> Verdict:
        """The verdict over all architectures; it names the service, them and the version."""
        worst = self.worst
        match worst.verdict:
            case Failed(stage, detail):
                return Failed(stage, f"{detail} ({SERVICE}, {worst.arch}, {worst.version})")
            case Broken(detail):
                return Broken(f"{detail} ({SERVICE}, {worst.arch}, {worst.version})")
        words = verdict.text(worst.verdict)
        where = f"{SERVICE}, {', '.join(run.arch for run in self.runs)}, {worst.version}"
        return Passed(f"{words} ({where})" if words else where)

    @property
    def told(self) -> str:
        """Where it comes from, in full: architectures, version, trigger and the log's address."""
        worst = self.worst
        return (
            f"{self.origin}; version {worst.version}; trigger {worst.trigger or 'not told'}; "
            f"log {worst.log_address or worst.result}"
        )


@dataclass(frozen=True)
class ServiceTests:
    """The tests that count, by their steps; and every run, with "" or why it does not count."""

    tests: Mapping[StepId, ServiceTest] = field(default_factory=dict)
    runs: tuple[tuple[ServiceRun, str], ...] = ()


def sent_of(uploads: Iterable[UploadRecord], own: Mapping[Pair, str]) -> dict[Pair, frozenset[str]]:
    """The versions in a PPA of these very source packages.

    Parameters:
        own: the sha256 of the update's own .dsc, by source and series.
    """
    sent: dict[Pair, frozenset[str]] = {}
    for upload in uploads:
        pair = (upload.source, upload.series)
        arrived = upload.state in ("sent", "accepted")
        if arrived and upload.made_of and upload.made_of == own.get(pair):
            sent[pair] = sent.get(pair, frozenset()) | {upload.version}
    return sent


def read(folder: Path, own: Mapping[Pair, str]) -> ServiceTests:
    """What the service said, by the records below `folder`: a work folder's, or the evidence's.

    Parameters:
        own: the sha256 of the update's own .dsc, by source and series.

    Raises:
        InputError: a record is damaged.
    """
    summary = read_summary(folder)
    if summary is None:
        return ServiceTests()
    uploads = journal.read(folder, summary.ppa, summary.launchpad)
    return service_tests(summary, sent_of(uploads, own))


def service_tests(summary: ServiceSummary, sent: Mapping[Pair, frozenset[str]]) -> ServiceTests:
    """The tests of a summary, and every run.

    Parameters:
        sent: the versions in the PPA of this very source package.
    """
    by_test: dict[tuple[str, str, str, str], list[ServiceRun]] = {}
    runs = []
    for run in (*summary.tests, *summary.controls):
        why_not = _why_not(run, sent.get(run.pair, frozenset()))
        runs.append((run, why_not))
        each = {run.control: run.verdict} if run.variant else run.each
        for name, made in each.items() if not why_not else ():
            if not isinstance(made, Skipped):
                key = (*run.pair, name, run.variant)
                by_test.setdefault(key, []).append(replace(run, verdict=made))
    every = (ServiceTest(*key, tuple(own)) for key, own in by_test.items())
    return ServiceTests({one.step: one for one in every}, tuple(runs))


def _why_not(run: ServiceRun, sent: frozenset[str]) -> str:
    """Why a run does not count; "" if it does."""
    if not run.result:
        return "no result"
    if not sent:
        return "not of this source package"
    if not run.variant:
        return "" if run.version in sent else "another version"
    update = update_of(min(sent))
    if is_variant_of(run.version, update, run.variant):
        return ""
    return f"{run.version} is not {run.variant} of {update}"


def is_variant_of(version: str, update: str, variant: str) -> bool:
    """Whether a version is one of the update's variant, as the recipe or a PPA numbers it.

    >>> is_variant_of("1.0-1~ppa2~unpatched1", "1.0-1", "unpatched")
    True
    >>> is_variant_of("1.1-1~unpatched1", "1.0-1", "unpatched")
    False
    """
    form = rf"{re.escape(update)}(~ppa[0-9]+)?~{re.escape(variant)}[0-9]+"
    return re.fullmatch(form, version) is not None
