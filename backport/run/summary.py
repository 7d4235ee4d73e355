"""The end of a run in a table: per series and source package, what was made and how it went.

Pure functions of the plan and the results; a skipped or broken test is counted, never hidden.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from textwrap import TextWrapper

from backport import atomic
from backport.check.planned import SOURCE
from backport.engine import verdict
from backport.engine.step import Step, StepId
from backport.engine.store import Result
from backport.engine.verdict import Passed, Skipped
from backport.environments.base import Differing, PreparedBase
from backport.errors import StepError
from backport.recipe.model import Recipe


@dataclass(frozen=True)
class TestLine:
    """One test of a source package in a series; a control may have a variant's name."""

    test: str
    variant: str
    control: bool
    verdict: str
    reason: str
    seconds: float
    folder: str


@dataclass(frozen=True)
class Line:
    """One source package in one series.

    `made`, `build` and `check` are verdicts, "" where that was not asked for; `reason` is why one
    of them is no pass, and `folder` is where to look. `check` is that of the source package and of
    what was built of it.
    """

    series: str
    source: str
    version: str
    made: str
    build: str
    build_seconds: float
    reason: str
    tests: tuple[TestLine, ...]
    folder: str
    check: str = ""


@dataclass(frozen=True)
class Cause:
    """A step that did not pass, and the steps that were skipped only since it did not."""

    step: str
    verdict: str
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """A whole run.

    `base` and `suite` are what it was built and tested on, `differing` the packages of that whose
    versions are not the series'. `testing_only` are the sources that were made from our own
    packaging, `other` the steps that did not pass and belong to no line, `counts` the tests by
    verdict, `found` the warnings and notes of the checks that passed.
    """

    base: str
    suite: str
    differing: tuple[Differing, ...]
    testing_only: tuple[str, ...]
    lines: tuple[Line, ...]
    other: tuple[TestLine, ...]
    causes: tuple[Cause, ...]
    counts: Mapping[str, int]
    found: Mapping[str, int]
    seconds: float


def make(
    recipe: Recipe,
    steps: Mapping[StepId, Step],
    results: Mapping[StepId, Result],
    versions: Mapping[tuple[str, str], str],
    *,
    bases: Iterable[PreparedBase] = (),
    seconds: float = 0.0,
) -> Summary:
    """Sum up a run.

    Parameters:
        recipe: the update; its order of series, then of sources, is the order of the lines.
        versions: the version of each (source, series) that the update makes.
        bases: what the packages were built and tested on.
        seconds: how long the run took.
    """
    causes = _causes(steps, results)
    lines = [
        _line(
            series.name, source.name, versions.get((source.name, series.name), ""), steps, results
        )
        for series in recipe.series
        for source in recipe.sources
        if StepId("source", series.name, source.name) in results
    ]
    told = {step_id for line in lines for step_id in _told(line.series, line.source)}
    own = {(line.series, line.source) for line in lines}
    other = tuple(
        _test_line(steps[step_id], result)
        for step_id, result in results.items()
        if not (step_id.kind == "test" and (step_id.series, step_id.source) in own)
        and step_id not in told
        and not isinstance(result.verdict, Passed)
    )
    counts = dict.fromkeys(("passed", "failed", "skipped", "broken"), 0)
    findings = Counter[str]()
    for step_id, result in results.items():
        if step_id.kind == "test":
            counts[verdict.kind(result.verdict)] += 1
        if step_id.kind == "check" and isinstance(result.verdict, Passed):
            for number, word in re.findall(r"(\d+) (warning|note)", result.verdict.detail):
                findings[word] += int(number)
    made = {line.source for line in lines}
    own_packaging = tuple(one.name for one in recipe.sources if not one.pins and one.name in made)
    bases = tuple(bases)
    return Summary(
        ", ".join(dict.fromkeys(one.kind for one in bases)),
        ", ".join(dict.fromkeys(one.suite for one in bases)),
        tuple(dict.fromkeys(one for base in bases for one in base.differing)),
        own_packaging,
        tuple(lines),
        other,
        causes,
        counts,
        dict(findings),
        round(seconds, 1),
    )


def write(summary: Summary, path: Path) -> None:
    """Write the summary for machines, by one rename."""
    atomic.write(path, json.dumps(asdict(summary), indent=1) + "\n")


def _line(
    series: str,
    source: str,
    version: str,
    steps: Mapping[StepId, Step],
    results: Mapping[StepId, Result],
) -> Line:
    made, checked_source, built, checked_built = map(results.get, _told(series, source))
    assert made is not None
    done = [one for one in (made, checked_source, built, checked_built) if one]
    bad = [one for one in done if not isinstance(one.verdict, Passed)]
    checks = [one for one in (checked_source, checked_built) if one]
    checked = next((check for check in checks if check in bad), checks[-1] if checks else None)
    return Line(
        series,
        source,
        version,
        verdict.kind(made.verdict),
        verdict.kind(built.verdict) if built else "",
        round(built.seconds, 1) if built else 0.0,
        verdict.text(bad[0].verdict) if bad else "",
        tuple(
            _test_line(steps[step_id], result)
            for step_id, result in results.items()
            if (step_id.kind, step_id.series, step_id.source) == ("test", series, source)
        ),
        str((bad[0] if bad else built or made).id),
        verdict.kind(checked.verdict) if checked else "",
    )


def _told(series: str, source: str) -> tuple[StepId, StepId, StepId, StepId]:
    """The steps that a line tells of, in their order."""
    build = StepId("build", series, source)
    check = replace(build, kind="check")
    return replace(build, kind="source"), replace(check, test=SOURCE), build, check


def _causes(steps: Mapping[StepId, Step], results: Mapping[StepId, Result]) -> tuple[Cause, ...]:
    """The steps that were skipped since a need did not pass, by the step where that began."""
    skipped: dict[StepId, list[str]] = {}
    for step_id, result in results.items():
        cause = step_id
        while bad := [
            need for need in steps[cause].needs if not isinstance(results[need].verdict, Passed)
        ]:
            cause = bad[0]
        if cause != step_id and isinstance(result.verdict, Skipped):
            skipped.setdefault(cause, []).append(str(step_id))
    return tuple(
        Cause(str(cause), verdict.kind(results[cause].verdict), tuple(names))
        for cause, names in skipped.items()
    )


def _test_line(step: Step, result: Result) -> TestLine:
    return TestLine(
        step.id.test or str(step.id),
        step.id.variant,
        step.control,
        verdict.kind(result.verdict),
        verdict.text(result.verdict),
        round(result.seconds, 1),
        str(step.id),
    )


def exit_code(results: Iterable[Result], *, strict: bool) -> int:
    """What the command ends with: 0, or the code of the first step that did not pass.

    A skipped step is a 4 with `strict`, and when it was skipped since another did not pass the
    other's code counts.
    """
    codes = [result.exit_code for result in results if result.exit_code]
    skipped = any(isinstance(result.verdict, Skipped) for result in results)
    return codes[0] if codes else (StepError.exit_code if strict and skipped else 0)


def as_text(summary: Summary, work: str) -> str:
    """The summary for a person, readable without a terminal.

    Parameters:
        work: the work folder.
    """
    text = ["", "Summary", *_table(summary)]
    quiet = {name for cause in summary.causes for name in cause.skipped}
    reasons = []
    for line in summary.lines:
        name = f"{line.series}/{line.source}"
        reasons.append((name, line.reason, line.folder))
        reasons += [
            (f"{name} {_test_text(test)}", test.reason, test.folder)
            for test in line.tests
            if test.verdict != "passed"
        ]
    reasons += [(f"{one.folder} {one.verdict}", one.reason, one.folder) for one in summary.other]
    for name, reason, folder in reasons:
        if reason and folder not in quiet:
            text += [f"  {name}: {reason}", f"      see {work}/{folder}"]
    for cause in summary.causes:
        steps = _number(len(cause.skipped), "step")
        text.append(f"  {steps} skipped since: {cause.step} {cause.verdict}")
    if summary.found:
        numbers = sorted(summary.found.items(), reverse=True)
        told = " and ".join(_number(number, word) for word, number in numbers)
        text.append(
            f"The checks found {told}, in findings.json in the folders of {work}/check/; what a "
            "rule means is told by: backport explain RULE"
        )
    if summary.base:
        suite = f" ({summary.suite})" if summary.suite else ""
        text.append(f"Base of builds and tests: {summary.base}{suite}.")
    known = sorted(
        f"{one.package} {one.base_version} ({one.series_version})"
        for one in summary.differing
        if one.series_version
    )
    if known:
        names = ", ".join(known)
        text.append(f"Versions of the base that differ (from the series' version): {names}.")
    if unknown := {one.package for one in summary.differing if not one.series_version}:
        text.append(
            f"For {_number(len(unknown), 'package')} of the base the series' version is not "
            "known; summary.json lists them."
        )
    if summary.testing_only:
        text.append(
            "Made from upstream's tarball with our own packaging, for testing only (~standin1, "
            f"never to be uploaded): {', '.join(summary.testing_only)}."
        )
    counted = ", ".join(f"{number} {name}" for name, number in summary.counts.items())
    text.append(f"Tests: {counted}. Time: {summary.seconds:.0f} s. Files: {work}")
    wide = TextWrapper(99, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(wide.fill(line) if len(line) > wide.width else line for line in text)


def _number(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _table(summary: Summary) -> list[str]:
    """A row a line, and its tests below, one a line."""
    rows = [("series", "source package", "version", "build", "check")]
    rows += [
        (line.series, line.source, line.version, _built(line), line.check) for line in summary.lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = []
    tests: list[tuple[TestLine, ...]] = [(), *(line.tests for line in summary.lines)]
    for row, some in zip(rows, tests, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        text.append(f"  {'  '.join(cells)}".rstrip())
        text += [f"      {_test_text(test)}" for test in some]
    return text


def _built(line: Line) -> str:
    if line.made != "passed" or not line.build:
        return f"source {line.made}"
    return f"{line.build} {line.build_seconds:.0f} s" if line.build_seconds else line.build


def _test_text(test: TestLine) -> str:
    control = f" (negative control on {test.variant or 'these packages'})" if test.control else ""
    return f"{test.test}{control} {test.verdict}"
