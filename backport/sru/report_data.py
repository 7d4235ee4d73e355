"""What the report shows, gathered from evidence and from nothing else but named files.

Every part that was not run is there and says so; nothing is left out silently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from backport import recipe_file, verdict
from backport.check import finding
from backport.errors import BackportError
from backport.recipe import Recipe, patch_names, quilt_series_file
from backport.source import dep3
from backport.sru.checklist_data import Checklist
from backport.sru.manifest import Manifest, StepRecord
from backport.sru.report_parts import (
    INTERLEAVING_COUNTS,
    STATES,
    Cell,
    Chip,
    Count,
    FindingLine,
    Histogram,
    Interleaving,
    Line,
    Pair,
    Patch,
    PpaTest,
    Report,
    href,
    log_of,
)

_SPREAD = re.compile(r"spread-(.+)-(before|after)\.json")


def gather(
    folder: Path,
    found: Manifest,
    *,
    link: str,
    archive: str = "",
    sha256: str = "",
    risk: Mapping[str, Any] | None = None,
    checklist: Checklist | None = None,
) -> Report:
    """Gather the report's content.

    Parameters:
        folder: the evidence's folder, already checked. link: how the page names that folder.
        archive, sha256: the name and hash of the evidence as one file.
        risk: what `backport risk` says as data; None if it was not asked.
        checklist: what `backport verify` found; None if it was not asked.

    Raises:
        InputError: the recipe in the evidence cannot be read.
    """
    (file,) = (path for path in (folder / "inputs").iterdir() if path.suffix == ".toml")
    recipe = recipe_file.load(file)
    view = _View(folder, found, link)
    series = tuple(one.name for one in recipe.series)
    tests = [one for one in found.steps if one.kind == "test"]
    counts = {state: sum(verdict.kind(one.verdict) == state for one in tests) for state in STATES}
    checks = [one for one in found.steps if one.kind == "check"]
    return Report(
        manifest=found,
        link=link,
        recipe=recipe,
        archive=archive,
        sha256=sha256,
        series=series,
        lines=tuple(view.lines(recipe)),
        patches=tuple(view.patches(recipe)),
        changes={one.name: tuple(one.changes) for one in recipe.sources},
        pairs=tuple(view.pairs(recipe)),
        histograms=tuple(view.histograms(recipe)),
        interleavings=tuple(view.interleavings()),
        risk=risk or {},
        ppa=tuple(view.ppa()),
        builds=tuple(
            (f"{one.source} in {one.series}", view.chip(one))
            for one in found.steps
            if one.kind == "build" and one.key and not one.variant
        ),
        findings=tuple(view.findings(checks)),
        checks_run=bool(checks),
        counts=counts,
        bases=found.bases,
        checklist=checklist,
    )


class _View:
    """Reads files of the evidence."""

    def __init__(self, folder: Path, found: Manifest, link: str) -> None:
        self._folder = folder
        self._found = found
        self._link = link

    def chip(self, step: StepRecord, text: str = "") -> Chip:
        """The verdict of a step, with a link to its log."""
        state = verdict.kind(step.verdict)
        files = self._found.files
        findings = f"{step.folder}/{finding.FILE}"
        log = findings if findings in files else log_of(step, files)
        link = self._href(log) if log else ""
        return Chip(state, text or state, link, verdict.text(step.verdict), step.seconds)

    def lines(self, recipe: Recipe) -> Iterator[Line]:
        """The matrix of sources and series."""
        for source in recipe.sources:
            cells = [self._cell(source.name, one.name) for one in recipe.series]
            if any(cell.version for cell in cells):
                yield Line(source.name, source.version, tuple(cells))

    def _cell(self, source: str, series: str) -> Cell:
        made = self._found.step(f"source/{series}/{source}")
        if made is None:
            return Cell(series)
        build = self._found.step(f"build/{series}/{source}")
        checks = [
            self.chip(one, one.test or "checks")
            for one in self._found.steps
            if (one.kind, one.series, one.source) == ("check", series, source)
        ]
        tests = [
            self.chip(
                one, one.test + (f" (control, {one.variant or 'same'})" if one.control else "")
            )
            for one in self._found.steps
            if one.kind == "test" and (one.series, one.source) == (series, source)
        ]
        return Cell(
            series,
            self._found.versions.get(f"{series}/{source}", ""),
            self.chip(made),
            self.chip(build) if build else None,
            tuple(tests),
            tuple(checks),
        )

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
            self._href(str(path.relative_to(self._folder))),
        )

    def pairs(self, recipe: Recipe) -> Iterator[Pair]:
        """Tests that have controls, side by side."""
        for row in recipe.matrix:
            names = [one.test for one in row.controls]
            for series in (one.name for one in recipe.series) if names else ():
                step = self._found.step(f"test/{series}/{row.source}.{row.name}")
                if step is None:
                    continue
                controls = [
                    one
                    for one in self._found.steps
                    if one.control and one.test in names
                    and (one.series, one.source) == (series, row.source)
                ]  # fmt: skip
                yield Pair(
                    series,
                    row.source,
                    row.name,
                    self.chip(step),
                    tuple(_of_test(self._artifact(step, "result.json"))),
                    tuple(
                        (
                            one.variant or "mutations of the same packages",
                            self.chip(one),
                            tuple(_of_control(self._artifact(one, "control.json"))),
                        )
                        for one in controls
                    ),
                )

    def histograms(self, recipe: Recipe) -> Iterator[Histogram]:
        """What the test of the schedule wrote: the moments of the renewals, by hour of the day."""
        systemd = {
            one.name: one.toolchain["systemd"].version
            for one in recipe.series
            if "systemd" in one.toolchain
        }
        for step, name, data in self._json_artifacts():
            match = _SPREAD.fullmatch(name.rpartition("/")[2])
            hours = data.get("hours")
            if match is None or not isinstance(hours, list):
                continue
            which = "with the update" if match[2] == "after" else "before the update"
            note = f"{step.series}, {which}: {data.get('moments', sum(hours)):,} moments"
            if isinstance(data.get("ks_p"), float):
                p = f"{data['ks_p']:.3g}" if data["ks_p"] else "below 1e-300"
                note += f", Kolmogorov-Smirnov D {data.get('ks_d')}, p {p}"
            if measured := data.get("systemd_measured"):
                of_series = systemd.get(step.series) or "not known"
                note += f"; measured with systemd {measured}, that of {step.series} is {of_series}"
            yield Histogram(
                f"{match[1]}: moments by hour of the day",
                "moments",
                tuple((f"{hour}:00", float(number)) for hour, number in enumerate(hours)),
                note,
                self._href(name),
            )

    def interleavings(self) -> Iterator[Interleaving]:
        """What every ``interleaving.json`` counted."""
        for step, name, data in self._json_artifacts():
            if name.endswith("/interleaving.json"):
                what = f"{step.test} in {step.series}"
                rows = [
                    (
                        f"{pair.get('subject', '')}, {pair.get('reason', '')}: "
                        + (
                            f"{row['switches']} switches, {row.get('how', '')}"
                            if "switches" in row
                            else f"random, chance {row.get('chance')}"
                        ),
                        tuple(int(row.get(key, 0)) for key in INTERLEAVING_COUNTS),
                    )
                    for pair in data.get("pairs", [])
                    for row in [*pair.get("switches", []), *pair.get("random", [])]
                ]
                yield Interleaving(
                    what + (f" ({step.variant})" if step.variant else ""),
                    self.chip(step),
                    int(data.get("total_orders", 0)),
                    int(data.get("bad_orders", 0)),
                    tuple(rows),
                )

    def ppa(self) -> Iterator[PpaTest]:
        """What ``backport test --on ppa`` brought, with its controls."""
        record = "records/ppa-test/summary.json"
        data = _read(self._folder / record)
        for part in ("tests", "controls"):
            for one in data.get(part, []) if isinstance(data.get(part), list) else []:
                state = str(one.get("verdict", ""))
                if not isinstance(one, dict) or state not in STATES:
                    continue
                name = f"{one.get('source', '')} in {one.get('series', '')}, {one.get('arch', '')}"
                if part == "controls":
                    name += f", control {one.get('test', '')}"
                words = next((str(one[k]) for k in ("detail", "reason", "stage") if one.get(k)), "")
                address = str(one.get("result") or one.get("request") or "")
                link = address if address.startswith("https://") else self._href(record)
                yield PpaTest(name, str(one.get("version", "")), Chip(state, state, link, words))

    def findings(self, checks: Sequence[StepRecord]) -> Iterator[FindingLine]:
        """What the checks found, the new errors first."""
        lines = []
        for step in checks:
            name = f"{step.folder}/{finding.FILE}"
            if name in self._found.files:
                try:
                    read = finding.read(self._folder / name)
                except BackportError:
                    continue  # of another version of the toolkit: the check's own log is linked
                where = f"{step.source}, {step.series}"
                lines += [FindingLine(one, where, self._href(name)) for one in read]
        rank = {severity: place for place, severity in enumerate(finding.SEVERITIES)}
        yield from sorted(
            lines,
            key=lambda one: (not one.found.fails, not one.found.new, rank[one.found.severity]),
        )

    def _json_artifacts(self) -> Iterator[tuple[StepRecord, str, Mapping[str, Any]]]:
        for step in self._found.steps:
            if step.kind != "test" or not step.folder:
                continue
            for name in self._found.files:
                if name.startswith(f"{step.folder}/artifacts/") and name.endswith(".json"):
                    yield step, name, _read(self._folder / name)

    def _artifact(self, step: StepRecord, name: str) -> Mapping[str, Any]:
        return _read(self._folder / step.folder / "artifacts" / name)

    def _href(self, name: str) -> str:
        return href(self._link, name)


def _paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a DEP-3 description, which a line with a dot or nothing parts."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip() in ("", "."):
            found.append([])
        else:
            found[-1].append(line.strip())
    return tuple(" ".join(lines) for lines in found if lines)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _of_test(report: Mapping[str, Any]) -> Iterator[Count]:
    """What a test counted: see `backport.testbed.reports`."""
    cases = report.get("cases")
    if "total_processes" in report and isinstance(cases, list):
        for case in cases:
            total = len(case.get("processes", []))
            yield Count(str(case.get("case", "")), int(case.get("failed", 0)), total, "processes")
    elif "total_processes" in report:
        bad, total = int(report.get("failed_processes", 0)), int(report["total_processes"])
        yield Count("all", bad, total, "processes")
    for check in report.get("checks", []) if isinstance(report.get("checks"), list) else []:
        if isinstance(check, dict):
            name = str(check.get("name", check.get("check", "")))
            state = str(check.get("outcome", check.get("verdict", "")))
            yield Count(name, int(state not in ("passed", "skipped")), 1, "checks", state)


def _of_control(report: Mapping[str, Any]) -> Iterator[Count]:
    """What a control saw in each case, in the round that showed the harm."""
    cases = report.get("cases", report.get("checks"))
    for case in cases if isinstance(cases, list) else []:
        if not isinstance(case, dict):
            continue
        name = str(case.get("case", case.get("name", case.get("check", ""))))
        rounds = case.get("rounds")
        if isinstance(rounds, list) and rounds:
            last = rounds[-1]
            harm = ", ".join(str(one) for one in last.get("harm", []))
            total = len(last.get("processes", []))
            number = len(rounds)
            said = f"{harm}; in round {number}" if number > 1 else harm
            yield Count(name, int(last.get("failed", 0)), total, "processes", said)
        else:
            state = str(case.get("outcome", ""))
            yield Count(name, int(state == "harm-seen"), 1, "checks", state)
