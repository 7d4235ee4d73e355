"""What the report shows, gathered from evidence and from nothing else but named files.

Every part that was not run is there and says so; nothing is left out silently.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backport.check import finding
from backport.check.finding import Finding
from backport.engine import programs, verdict
from backport.engine.step import StepId
from backport.errors import BackportError
from backport.launchpad.autopkgtest import verdicts
from backport.launchpad.autopkgtest.verdicts import ServiceRun, ServiceTest, ServiceTests
from backport.recipe.model import MatrixTest, Recipe, Source
from backport.recipe.patch_folder import patch_names, quilt_series_file
from backport.source import dep3, weight
from backport.source.weight import Weight
from backport.sru import check, manifest, sections
from backport.sru.checklist_data import Checklist
from backport.sru.manifest import Manifest, StepRecord
from backport.sru.report_parts import STATES, Artifact, Badge, Cell, Contrast, Overall, Patch, href

# What tells best how a step went; the record of its commands is there for every step that ran.
_LOGS = (
    "build.log", "log", "source.log", "lintian.log", "second-build.log", "lifecycle.log",
    programs.FILE,
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """All that the page shows of the evidence in `folder`, which was checked.

    `link` is what the evidence's files are below, seen from the page; "" where the page has no
    place, and so no links. `archive` and `sha256` are the name and hash of the evidence as one
    file, "" where that is not beside the folder. `checklist` is what `backport verify` found.

    Raises:
        InputError: where a part is read, the recipe in the evidence, a record of the PPA's tests
            or what a test left for the report cannot be.
    """

    folder: Path
    manifest: Manifest
    link: str
    archive: str = ""
    sha256: str = ""
    checklist: Checklist | None = None

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe in the evidence."""
        return check.recipe_of(self.folder / check.INPUTS, self.manifest)

    @cached_property
    def series(self) -> tuple[str, ...]:
        """The series of the update."""
        return tuple(one.name for one in self.recipe.series)

    @cached_property
    def service(self) -> ServiceTests:
        """What Ubuntu's autopkgtest service said."""
        return check.service_tests(self.folder, self.manifest)

    @cached_property
    def service_verdicts(self) -> Mapping[str, Badge]:
        """The service's verdicts that stand in place of those of steps, by the steps' names."""
        return {str(step): self._service_badge(one) for step, one in self.service.tests.items()}

    @cached_property
    def overall(self) -> Overall:
        """The verdict over all steps; what the service said of a test stands in its place."""
        states: dict[str, list[tuple[str, str]]] = {state: [] for state in STATES}
        for step in self.manifest.steps:
            badge = self.service_verdicts.get(str(step)) or self._badge(step)
            states[badge.state].append((str(step), badge.link))
        worst = next((state for state in STATES if states[state]), "skipped")
        missing = "no check ran" if not self.checks_run else ""
        if not any(self.counts.values()):
            missing = "nothing was tested"
        if worst == "passed" and missing:
            worst = "skipped"
        counts = {state: len(steps) for state, steps in states.items()}
        return Overall(worst, counts, missing, tuple(states[worst]) if worst != "passed" else ())

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many tests ended how."""
        ended = {one.id: one.verdict for one in self.manifest.steps if one.id.kind == "test"}
        ended |= {step: one.verdict for step, one in self.service.tests.items()}
        kinds = [verdict.kind(one) for one in ended.values()]
        return {state: kinds.count(state) for state in STATES}

    @cached_property
    def matrix(self) -> tuple[tuple[Source, tuple[Cell, ...]], ...]:
        """The source packages that were made, each with its cells in the order of the series."""
        rows = (
            (source, tuple(self._cell(source.name, name) for name in self.series))
            for source in self.recipe.sources
        )
        return tuple(row for row in rows if any(cell.version for cell in row[1]))

    def patches(self, source: Source) -> Iterator[Patch]:
        """The quilt patches of one of the update's own packages."""
        having: dict[Path, list[str]] = {}
        for series in source.series:
            for name in patch_names(quilt_series_file(source, series, None)):
                having.setdefault(source.patches / name, []).append(series)
        for path, names in having.items():
            if path.is_file() and path.suffix != "" and not path.name.startswith("series"):
                head, _, _ = path.read_text(errors="replace").partition("\n--- ")
                link = href(self.link, str(path.relative_to(self.folder)))
                yield Patch(path.name, dep3.read(head), tuple(dict.fromkeys(names)), link)

    @cached_property
    def pairs(self) -> tuple[Contrast, ...]:
        """Tests that have controls, side by side."""
        pairs = []
        for row in self.recipe.matrix:
            for series in self.series if row.controls else ():
                test = StepId("test", series, row.source, test=row.name)
                if patched := self.service_verdicts.get(str(test)) or self._badge_of(test):
                    by_service = test in self.service.tests
                    controls = tuple(self._controls(row, series, by_service))
                    pairs.append(Contrast(series, row.source, row.name, patched, controls))
        return tuple(pairs)

    @cached_property
    def shown(self) -> tuple[Artifact, ...]:
        """What the tests left for the report among their artifacts."""
        shown = []
        for step in self.manifest.steps:
            for name in self.manifest.files if step.id.kind == "test" and step.folder else ():
                folder, _, file = name.rpartition("/")
                if folder == f"{step.folder}/artifacts" and sections.FILE.fullmatch(file):
                    test = f"{step.id.test} in {step.id.series}"
                    test += f" ({step.id.variant})" if step.id.variant else ""
                    section = sections.read(self.folder / name)
                    shown.append(Artifact(section, test, self._badge(step), self.href(name)))
        return tuple(shown)

    @cached_property
    def ppa(self) -> tuple[tuple[ServiceRun, Badge, str], ...]:
        """The service's runs, controls too, with their verdicts and what of them counts."""
        ppa = []
        for run, why_not in self.service.runs:
            state = verdict.kind(run.verdict)
            counts = f"does not count: {why_not}" if why_not else "in place of what ran here"
            badge = Badge(state, state, self._record(run), verdict.text(run.verdict))
            ppa.append((run, badge, counts))
        return tuple(ppa)

    @cached_property
    def findings(self) -> tuple[tuple[Finding, str, str], ...]:
        """What the checks found, where, and the link to it; the new errors first."""
        findings = []
        for step in self.checks_run:
            name = f"{step.folder}/{finding.FILE}"
            try:
                read = finding.read(self.folder / name)
            except BackportError:
                continue  # of another version of the toolkit: the check's own log is linked
            where = ", ".join(filter(None, (step.id.source, step.id.series)))
            findings += [(one, where, self.href(name)) for one in read]
        rank = {severity: place for place, severity in enumerate(finding.SEVERITIES)}
        findings.sort(key=lambda one: (not one[0].fails, not one[0].new, rank[one[0].severity]))
        return tuple(findings)

    @cached_property
    def checks(self) -> tuple[StepRecord, ...]:
        """The checks."""
        return tuple(one for one in self.manifest.steps if one.id.kind == "check")

    @cached_property
    def checks_run(self) -> tuple[StepRecord, ...]:
        """The checks that left findings."""
        files = self.manifest.files
        return tuple(one for one in self.checks if f"{one.folder}/{finding.FILE}" in files)

    def href(self, name: str) -> str:
        """The link to a file of the evidence; "" for one that it does not have."""
        there = name in self.manifest.files or name == manifest.FILE
        return href(self.link, name) if there else ""

    def beside(self, name: str) -> str:
        """The link to a file that lies beside the evidence's folder."""
        return posixpath.normpath(href(f"{self.link}/..", name)) if self.link else ""

    def log(self, step: StepRecord) -> str:
        """The link to a step's log, else to its first file; "" for a step that never began."""
        if not step.folder:
            return ""
        named = (f"{step.folder}/{name}" for name in _LOGS)
        below = (name for name in self.manifest.files if name.startswith(f"{step.folder}/"))
        return next((link for name in (*named, *below) if (link := self.href(name))), "")

    def _badge(self, step: StepRecord, text: str = "") -> Badge:
        """The verdict of a step, with a link to its log."""
        state = verdict.kind(step.verdict)
        link = self.href(f"{step.folder}/{finding.FILE}") or self.log(step)
        return Badge(state, text or state, link, verdict.text(step.verdict), step.record.seconds)

    def _badge_of(self, step: StepId) -> Badge | None:
        record = self.manifest.step(step)
        return self._badge(record) if record is not None else None

    def _service_badge(self, test: ServiceTest, text: str = "") -> Badge:
        """The service's verdict of a test, with its origin in words and a link to its log."""
        state = verdict.kind(test.verdict)
        words, link = f"{text or state} ({test.origin})", self._record(test.worst)
        return Badge(state, words, link, verdict.text(test.verdict))

    def _cell(self, source: str, series: str) -> Cell:
        made = self.manifest.step(StepId("source", series, source))
        if made is None:
            return Cell(series)
        pair = (series, source)
        own = [one for one in self.manifest.steps if (one.id.series, one.id.source) == pair]
        tests = {}
        for step in own:
            if step.id.kind == "test":
                control = f" (control, {step.id.variant or 'same'})" if step.step.control else ""
                tests[step.id] = self._badge(step, step.id.test + control)
        for step_id, there in self.service.tests.items():
            if (there.series, there.source) == pair:
                mark = f" (control, {there.variant})" if there.variant else ""
                text = tests[step_id].text if step_id in tests else there.test + mark
                tests[step_id] = self._service_badge(there, text)
        return Cell(
            series,
            self.manifest.versions.get(f"{series}/{source}", ""),
            self._badge(made),
            self._badge_of(StepId("build", series, source)),
            tuple(tests.values()),
            tuple(self._badge(one, one.id.test or "checks") for one in own if one in self.checks),
            self._weight(made),
        )

    def _weight(self, made: StepRecord) -> Weight | None:
        name = f"{made.folder}/{weight.FILE}"
        return weight.read(self.folder / name) if name in self.manifest.files else None

    def _controls(
        self, row: MatrixTest, series: str, by_service: bool
    ) -> Iterator[tuple[str, Badge]]:
        """The controls of a test; where the service ran the test, it has to run them too.

        One that it did not run is said not to have run there; what was seen here stays beside it.
        """
        for control in row.controls:
            test = StepId("test", series, row.source, control.variant, control.test)
            title = control.variant or "mutations of the same packages"
            if there := self.service_verdicts.get(str(test)):
                yield title, there
                continue
            if by_service and control.variant and not row.matrix:
                why = self._not_run(row.source, series, control.test)
                yield f"{title}, in a PPA of its own", Badge("skipped", "skipped", "", why)
            if here := self._badge_of(test):
                yield title, here

    def _not_run(self, source: str, series: str, control: str) -> str:
        """Why the service did not run a control, as the records say."""
        asked = (source, series, control)
        own = [one for one in self.service.runs if (*one[0].pair, one[0].control) == asked]
        for run, _ in own:
            if not run.result:
                return verdict.text(run.verdict)
        return f"control not run: {own[0][1] if own else 'nobody has asked for it'}"

    def _record(self, run: ServiceRun) -> str:
        """The link to a record of the service: our copy, else its address, else the summary."""
        address = run.log_address or run.result or run.request
        copy = self.href(f"{check.RECORDS}/{run.file}")
        there = address if address.startswith("https://") else ""
        return copy or there or self.href(f"{check.RECORDS}/{verdicts.SUMMARY}")
