"""What the report shows, gathered from evidence and from nothing else but named files.

Every part that was not run is there and says so; nothing is left out silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backport.check import finding
from backport.engine import records, verdict
from backport.engine.step import StepId
from backport.errors import BackportError, InputError, reading
from backport.launchpad.autopkgtest import verdicts
from backport.launchpad.autopkgtest.verdicts import ServiceTest, ServiceTests
from backport.recipe.model import Change, MatrixTest, Recipe
from backport.recipe.patch_folder import patch_names, quilt_series_file
from backport.source import dep3, weight
from backport.source.weight import Weight
from backport.sru import check, sections, service_verdicts
from backport.sru.checklist_data import Checklist
from backport.sru.manifest import Manifest, StepRecord
from backport.sru.report_counts import of_control, of_test
from backport.sru.report_parts import (
    STATES,
    WORST,
    Cell,
    Chip,
    Count,
    FindingLine,
    Line,
    Overall,
    Pair,
    Patch,
    PpaTest,
    Report,
    Shown,
    href,
    log_of,
)


def gather(
    folder: Path,
    evidence: Manifest,
    *,
    link: str,
    archive: str = "",
    sha256: str = "",
    checklist: Checklist | None = None,
) -> Report:
    """Gather the report's content.

    Parameters:
        folder: the evidence's folder, already checked. link: how the page names that folder.
        archive, sha256: the name and hash of the evidence as one file.
        checklist: what `backport verify` found; None if it was not asked.

    Raises:
        InputError: the recipe in the evidence, a record of the PPA's tests or what a test left for
            the report cannot be read.
    """
    recipe = check.recipe_of(folder / check.INPUTS, evidence)
    there = service_verdicts.read(folder, evidence)
    view = _View(folder, evidence, link, there)
    series = tuple(one.name for one in recipe.series)
    ended = {one.id: one.verdict for one in evidence.steps if one.kind == "test"}
    ended |= {step: one.verdict for step, one in there.tests.items()}
    kinds = [verdict.kind(one) for one in ended.values()]
    counts = {state: kinds.count(state) for state in STATES}
    checks = [one for one in evidence.steps if one.kind == "check"]
    left = [one for one in checks if f"{one.folder}/{finding.FILE}" not in evidence.files]
    in_place = {str(step): view.farm_chip(one, "") for step, one in there.tests.items()}
    missing = "no check ran" if len(left) == len(checks) else ""
    if not kinds:
        missing = "nothing was tested"
    return Report(
        manifest=evidence,
        overall=view.overall(in_place, missing),
        link=link,
        recipe=recipe,
        archive=archive,
        sha256=sha256,
        series=series,
        lines=tuple(view.lines(recipe)),
        patches=tuple(view.patches(recipe)),
        changes={source.name: tuple(map(_change, source.changes)) for source in recipe.sources},
        pairs=tuple(view.pairs(recipe)),
        shown=tuple(view.shown()),
        ppa=tuple(view.ppa()),
        in_place=in_place,
        builds=tuple(
            (f"{one.source} in {one.series}", view.chip(one))
            for one in evidence.steps
            if one.kind == "build" and one.key and not one.variant
        ),
        findings=tuple(view.findings(checks)),
        checks_run=len(checks) - len(left),
        checks_left=len(left),
        counts=counts,
        bases=evidence.bases,
        checklist=checklist,
    )


@dataclass(frozen=True)
class _View:
    """Reads files of the evidence.

    `link` is how the page names its folder, `service` what Ubuntu's autopkgtest service said.
    """

    folder: Path
    manifest: Manifest
    link: str
    service: ServiceTests

    def chip(self, step: StepRecord, text: str = "") -> Chip:
        """The verdict of a step, with a link to its log."""
        state = verdict.kind(step.verdict)
        files = self.manifest.files
        findings = f"{step.folder}/{finding.FILE}"
        log = findings if findings in files else log_of(step, files)
        link = href(self.link, log) if log else ""
        return Chip(state, text or state, link, verdict.text(step.verdict), step.seconds)

    def test_chip(self, step: StepRecord, text: str = "") -> Chip:
        """The verdict of a test: the service's where it ran it, with its origin in words."""
        there = self.service.tests.get(step.id)
        return self.farm_chip(there, text) if there else self.chip(step, text)

    def farm_chip(self, one: ServiceTest, text: str) -> Chip:
        """The service's verdict of a test, with a link to its log."""
        state = verdict.kind(one.verdict)
        link = self._record(one.worst.file, one.worst.log_address or one.worst.result)
        return Chip(state, f"{text or state} ({one.origin})", link, verdict.text(one.verdict))

    def overall(self, in_place: Mapping[str, Chip], missing: str) -> Overall:
        """The verdict over all steps; what the service said of a test stands in its place."""
        states: dict[str, list[tuple[str, str]]] = {state: [] for state in WORST}
        for step in self.manifest.steps:
            chip = in_place.get(step.name) or self.chip(step)
            states[chip.state].append((step.name, chip.link))
        worst = next((state for state in WORST if states[state]), "skipped")
        if worst == "passed" and missing:
            worst = "skipped"
        counts = {state: len(steps) for state, steps in states.items()}
        shown = tuple(states[worst]) if worst != "passed" else ()
        return Overall(worst, counts, missing, shown)

    def lines(self, recipe: Recipe) -> Iterator[Line]:
        """The matrix of sources and series."""
        for source in recipe.sources:
            cells = [self._cell(source.name, series.name) for series in recipe.series]
            if any(cell.version for cell in cells):
                yield Line(source.name, source.version, tuple(cells))

    def _cell(self, source: str, series: str) -> Cell:
        made = self.manifest.step(StepId("source", series, source))
        if made is None:
            return Cell(series)
        build = self.manifest.step(StepId("build", series, source))
        own = [one for one in self.manifest.steps if (one.series, one.source) == (series, source)]
        checks = [self.chip(one, one.test or "checks") for one in own if one.kind == "check"]
        here = [one for one in own if one.kind == "test"]
        tests = [
            self.test_chip(
                one, one.test + (f" (control, {one.variant or 'same'})" if one.control else "")
            )
            for one in here
        ]
        tests += [
            self.farm_chip(one, one.test + (f" (control, {one.variant})" if one.variant else ""))
            for step, one in self.service.tests.items()
            if (one.series, one.source) == (series, source)
            and step not in {each.id for each in here}
        ]
        return Cell(
            series,
            self.manifest.versions.get(f"{series}/{source}", ""),
            self.chip(made),
            self.chip(build) if build else None,
            tuple(tests),
            tuple(checks),
            self._weight(made),
        )

    def _weight(self, made: StepRecord) -> Weight | None:
        name = f"{made.folder}/{weight.FILE}"
        return weight.read(self.folder / name) if name in self.manifest.files else None

    def patches(self, recipe: Recipe) -> Iterator[Patch]:
        """The quilt patches that the update's own packages have."""
        for source in recipe.sources:
            having: dict[Path, list[str]] = {}
            for series in source.series:
                listed = quilt_series_file(source, series, None)
                for name in patch_names(listed):
                    having.setdefault(source.patches / name, []).append(series)
            for path, names in having.items():
                if path.is_file() and path.suffix != "" and not path.name.startswith("series"):
                    yield self._patch(source.name, path, tuple(dict.fromkeys(names)))

    def _patch(self, source: str, path: Path, series: tuple[str, ...]) -> Patch:
        text = path.read_text(errors="replace")
        head, _, _ = text.partition("\n--- ")
        read = dep3.read(head)
        named = {name.lower(): value for name, value in read.fields}
        title, _, rest = read.description.partition("\n")
        body = text[len(head) :].splitlines()
        return Patch(
            source,
            path.name,
            title.strip(),
            _paragraphs(rest),
            read.author,
            read.origin,
            named.get("forwarded", ""),
            read.bug,
            named.get("last-update", ""),
            sum(line.startswith("+++ ") for line in body),
            sum(line.startswith("+") and not line.startswith("+++") for line in body),
            sum(line.startswith("-") and not line.startswith("---") for line in body),
            series,
            href(self.link, str(path.relative_to(self.folder))),
        )

    def pairs(self, recipe: Recipe) -> Iterator[Pair]:
        """Tests that have controls, side by side."""
        for row in recipe.matrix:
            for series in (one.name for one in recipe.series) if row.controls else ():
                test = StepId("test", series, row.source, test=row.name)
                step, there = self.manifest.step(test), self.service.tests.get(test)
                counts: tuple[Count, ...] = ()
                if there is not None:
                    patched = self.farm_chip(there, "")
                elif step is not None:
                    patched = self.chip(step)
                    counts = self._counts(step, "result.json", of_test)
                else:
                    continue
                controls = tuple(self._controls(row, series, there is not None))
                yield Pair(series, row.source, row.name, patched, counts, controls)

    def _controls(
        self, row: MatrixTest, series: str, by_service: bool
    ) -> Iterator[tuple[str, Chip, tuple[Count, ...]]]:
        """The controls of a test; where the service ran the test, it has to run them too.

        One that it did not run is said not to have run there; what was seen here stays beside it.
        """
        for control in row.controls:
            test = StepId("test", series, row.source, control.variant, control.test)
            title = control.variant or "mutations of the same packages"
            step, there = self.manifest.step(test), self.service.tests.get(test)
            if there is not None:
                yield title, self.farm_chip(there, ""), ()
                continue
            if by_service and control.variant and not row.matrix:
                why = self._not_run(row.source, series, control.test)
                yield f"{title}, in a PPA of its own", Chip("skipped", "skipped", "", why), ()
            if step is not None:
                yield title, self.chip(step), self._counts(step, "control.json", of_control)

    def _not_run(self, source: str, series: str, control: str) -> str:
        """Why the service did not run a control, as the records say."""
        asked = (source, series, control)
        own = [one for one in self.service.runs if (*one[0].pair, one[0].control) == asked]
        why = [verdict.text(run.verdict) for run, why_not in own if why_not == "no result"]
        why += [f"control not run: {why_not}" for _, why_not in own if why_not != "no result"]
        return why[0] if why else "control not run: nobody has asked for it"

    def shown(self) -> Iterator[Shown]:
        """What the tests left for the report among their artifacts."""
        for step in self.manifest.steps:
            for name in self.manifest.files if step.kind == "test" and step.folder else ():
                folder, _, file = name.rpartition("/")
                if folder == f"{step.folder}/artifacts" and sections.FILE.fullmatch(file):
                    test = f"{step.test} in {step.series}"
                    yield Shown(
                        sections.read(self.folder / name),
                        test + (f" ({step.variant})" if step.variant else ""),
                        self.chip(step),
                        href(self.link, name),
                    )

    def ppa(self) -> Iterator[PpaTest]:
        """What ``backport test --on ppa`` brought, with its controls, and what of it counts."""
        for run, why_not in self.service.runs:
            state = verdict.kind(run.verdict)
            name = f"{run.source} in {run.series}"
            if run.control:
                name += f", {run.control}"
            address = run.result or run.request
            link = address if address.startswith("https://") else self._record(run.file)
            counts = f"does not count: {why_not}" if why_not else "in place of what ran here"
            chip = Chip(state, state, link, verdict.text(run.verdict))
            yield PpaTest(name, run.arch, run.version, run.trigger, chip, counts)

    def findings(self, checks: Sequence[StepRecord]) -> Iterator[FindingLine]:
        """What the checks found, the new errors first."""
        lines = []
        for step in checks:
            name = f"{step.folder}/{finding.FILE}"
            if name in self.manifest.files:
                try:
                    read = finding.read(self.folder / name)
                except BackportError:
                    continue  # of another version of the toolkit: the check's own log is linked
                where = ", ".join(filter(None, (step.source, step.series)))
                lines += [FindingLine(one, where, href(self.link, name)) for one in read]
        rank = {severity: place for place, severity in enumerate(finding.SEVERITIES)}
        yield from sorted(
            lines,
            key=lambda line: (not line.found.fails, not line.found.new, rank[line.found.severity]),
        )

    def _counts(
        self, step: StepRecord, name: str, count: Callable[[Mapping[str, Any]], Iterator[Count]]
    ) -> tuple[Count, ...]:
        """What is counted in a report among a test's artifacts; nothing where it is damaged."""
        path = self.folder / step.folder / "artifacts" / name
        with suppress(InputError), reading(path):
            return tuple(count(records.read_json(path)))
        return ()

    def _record(self, kept: str, address: str = "") -> str:
        """The link to a record of the service: our copy, else the address, else the summary."""
        if f"{service_verdicts.RECORDS}/{kept}" in self.manifest.files:
            return href(self.link, f"{service_verdicts.RECORDS}/{kept}")
        if address.startswith("https://"):
            return address
        return href(self.link, f"{service_verdicts.RECORDS}/{verdicts.SUMMARY}")


def _change(one: Change) -> str:
    """An item of the changelog, and where it holds if not everywhere."""
    return f"{one.text} ({', '.join(one.series)})" if one.series else one.text


def _paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a DEP-3 description, which a line with a dot or nothing parts."""
    paragraphs: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip() in ("", "."):
            paragraphs.append([])
        else:
            paragraphs[-1].append(line.strip())
    return tuple(" ".join(lines) for lines in paragraphs if lines)
