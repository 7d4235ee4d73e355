"""The end of a run in a table: per series and source package, what was made and how it went.

Pure functions of the plan and the results; a skipped or broken test is counted, never hidden.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backport import atomic
from backport.check.planned import SOURCE
from backport.engine import verdict
from backport.engine.step import Step, StepId
from backport.engine.store import Result
from backport.engine.verdict import Passed, Skipped
from backport.recipe.model import Recipe

_WIDTH = 100


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
    what was built of it; `found` is what they found, in words.
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
    found: str = ""


@dataclass(frozen=True)
class Cause:
    """A step that did not pass, and the steps that were skipped only since it did not."""

    step: str
    verdict: str
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """A whole run.

    `differing` lists the base's packages whose versions are not the series': package, the
    series' version ("" if not known), the base's. `testing_only` are the sources that were made
    from our own packaging, `other` the steps that did not pass and belong to no line, `found` what
    the checks found that passed and belong to none.
    """

    base: str
    suite: str
    differing: tuple[tuple[str, str, str], ...]
    testing_only: tuple[str, ...]
    lines: tuple[Line, ...]
    other: tuple[TestLine, ...]
    causes: tuple[Cause, ...]
    counts: Mapping[str, int]
    seconds: float
    found: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON data."""
        return asdict(self)


def make(
    recipe: Recipe,
    steps: Mapping[StepId, Step],
    results: Mapping[StepId, Result],
    versions: Mapping[tuple[str, str], str],
    *,
    base: str = "",
    suite: str = "",
    differing: Iterable[tuple[str, str, str]] = (),
    seconds: float = 0.0,
) -> Summary:
    """Sum up a run.

    Parameters:
        recipe: the update; its order of series, then of sources, is the order of the lines.
        versions: the version of each (source, series) that the update makes.
        base: the kind of base that was used, "" for none.
        suite: what the base's packages come from.
        differing: see `Summary`.
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
    for step_id, result in results.items():
        if step_id.kind == "test":
            counts[verdict.kind(result.verdict)] += 1
    made = {line.source for line in lines}
    return Summary(
        base,
        suite,
        tuple(differing),
        tuple(one.name for one in recipe.sources if not one.pins and one.name in made),
        tuple(lines),
        other,
        causes,
        counts,
        round(seconds, 1),
        tuple(
            verdict.text(result.verdict)
            for step_id, result in results.items()
            if step_id.kind == "check"
            and step_id not in told
            and isinstance(result.verdict, Passed)
        ),
    )


def write(summary: Summary, path: Path) -> None:
    """Write the summary for machines, by one rename."""
    atomic.write(path, json.dumps(summary.to_json(), indent=1) + "\n")


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
        ", ".join(verdict.text(check.verdict) for check in checks if check not in bad),
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
    if codes:
        return codes[0]
    skipped = any(isinstance(result.verdict, Skipped) for result in results)
    return 4 if strict and skipped else 0


def as_text(summary: Summary, work: str) -> str:
    """The summary for a person, readable without a terminal.

    Parameters:
        work: the work folder.
    """
    text = ["", "Summary", *_table(summary)]
    quiet = {name for cause in summary.causes for name in cause.skipped}
    for line in summary.lines:
        if line.reason and line.folder not in quiet:
            text += _reason(f"{line.series}/{line.source}", line.reason, f"{work}/{line.folder}")
        for test in line.tests:
            if test.verdict != "passed" and test.folder not in quiet:
                name = f"{line.series}/{line.source} {_test_text(test)}"
                text += _reason(name, test.reason, f"{work}/{test.folder}")
    for step in summary.other:
        if step.folder not in quiet:
            text += _reason(f"{step.folder} {step.verdict}", step.reason, f"{work}/{step.folder}")
    for cause in summary.causes:
        number = len(cause.skipped)
        steps = "1 step" if number == 1 else f"{number} steps"
        text.append(f"  {steps} skipped since: {cause.step} {cause.verdict}")
    text += _found(summary, work)
    if summary.base:
        suite = f" ({summary.suite})" if summary.suite else ""
        text.append(f"Base of builds and tests: {summary.base}{suite}.")
    text += _differing(summary.differing)
    if summary.testing_only:
        text += _wrapped(
            "Made from upstream's tarball with our own packaging, for testing only (~standin1, "
            f"never to be uploaded): {', '.join(summary.testing_only)}."
        )
    counted = ", ".join(f"{number} {name}" for name, number in summary.counts.items())
    text.append(f"Tests: {counted}. Time: {summary.seconds:.0f} s. Files: {work}")
    return "\n".join(text)


def _table(summary: Summary) -> list[str]:
    """A row a line; its tests are in it if there is room, else below, one a line."""
    rows: list[tuple[str, ...]] = [("series", "source package", "version", "build", "check")]
    rows += [
        (line.series, line.source, line.version, _built(line), line.check) for line in summary.lines
    ]
    if not any(line.check for line in summary.lines):
        rows = [row[:4] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    tests: list[tuple[TestLine, ...]] = [(), *(line.tests for line in summary.lines)]
    text = []
    for row, some in zip(rows, tests, strict=True):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        short = f"  {cells}  {', '.join(map(_test_text, some))}".rstrip()
        if row == rows[0]:
            short = f"  {cells}  tests"
        if len(some) <= 2 and len(short) <= _WIDTH:
            text.append(short)
        else:
            text.append(f"  {cells}".rstrip())
            text += [f"      {_test_text(test)}" for test in some]
    return text


def _found(summary: Summary, work: str) -> list[str]:
    """What the checks that passed found all the same, and where it stands."""
    found = Counter[str]()
    for text in (*(line.found for line in summary.lines), *summary.found):
        for number, word in re.findall(r"(\d+) (warning|note)", text):
            found[word] += int(number)
    if not found:
        return []
    told = " and ".join(
        f"{found[word]} {word}{'s' * (found[word] != 1)}"
        for word in ("warning", "note")
        if found[word]
    )
    return _wrapped(
        f"The checks found {told}, in findings.json in the folders of {work}/check/; what a rule "
        "means is told by: backport explain RULE"
    )


def _built(line: Line) -> str:
    if line.made != "passed" or not line.build:
        return f"source {line.made}"
    return f"{line.build} {line.build_seconds:.0f} s" if line.build_seconds else line.build


def _reason(name: str, reason: str, folder: str) -> list[str]:
    """Why a step did not pass; the folder stands alone, so that it can be copied."""
    return [*_wrapped(f"{name}: {reason}", "  "), f"      see {folder}"]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH - 1,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _differing(differing: tuple[tuple[str, str, str], ...]) -> list[str]:
    known = {one for one in differing if one[1]}
    unknown = {package for package, wants, _ in differing if not wants}
    text = []
    if known:
        names = ", ".join(f"{name} {has} ({wants})" for name, wants, has in sorted(known))
        text += _wrapped(f"Versions of the base that differ (from the series' version): {names}.")
    if unknown:
        more = "more packages" if known else "packages"
        text += _wrapped(
            f"For {len(unknown)} {more} of the base the series' version is not known; "
            "summary.json lists them."
        )
    return text


def _test_text(test: TestLine) -> str:
    control = f" (control on {test.variant or 'these packages'})" if test.control else ""
    return f"{test.test}{control} {test.verdict}"
