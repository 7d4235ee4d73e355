"""The end of a run in a table: per series and source package, what was made and how it went.

Pure functions of the plan and the results; a skipped or broken test is counted, never hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from backport import verdict
from backport.plan import Step
from backport.store import Result
from backport.verdict import Passed, Skipped


@dataclass(frozen=True)
class TestLine:
    """One test of a source package in a series; a control has its variant's name."""

    test: str
    variant: str
    verdict: str
    reason: str
    seconds: float
    folder: str


@dataclass(frozen=True)
class Line:
    """One source package in one series. `version` is "" where nothing is uploaded."""

    series: str
    source: str
    version: str
    made: str
    build: str
    build_seconds: float
    reason: str
    tests: tuple[TestLine, ...]
    folder: str


@dataclass(frozen=True)
class Summary:
    """A whole run. `differing` lists the base's packages whose versions are not the series'."""

    base: str
    suite: str
    differing: tuple[tuple[str, str, str], ...]
    testing_only: tuple[str, ...]
    lines: tuple[Line, ...]
    other: tuple[TestLine, ...]
    counts: Mapping[str, int]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON data."""
        return asdict(self)


def make(
    steps: Mapping[str, Step],
    results: Mapping[str, Result],
    versions: Mapping[tuple[str, str], str],
    *,
    base: str = "",
    suite: str = "",
    differing: Iterable[tuple[str, str, str]] = (),
    testing_only: Iterable[str] = (),
    seconds: float = 0.0,
) -> Summary:
    """Sum up a run.

    Parameters:
        versions: the version of each (source, series) that the update makes.
        testing_only: the source packages whose base is our own packaging.
    """
    lines = []
    for (source, series), version in versions.items():
        made = results.get(f"source/{series}/{source}")
        if made is None:
            continue
        built = results.get(f"build/{series}/{source}")
        bad = [one for one in (made, built) if one and not isinstance(one.verdict, Passed)]
        lines.append(
            Line(
                series,
                source,
                version,
                verdict.kind(made.verdict),
                verdict.kind(built.verdict) if built else "",
                round(built.seconds, 1) if built else 0.0,
                verdict.text(bad[0].verdict) if bad else "",
                tuple(
                    _test_line(steps[name], result)
                    for name, result in results.items()
                    if steps[name].kind == "test"
                    and (steps[name].series, steps[name].source) == (series, source)
                ),
                f"{'build' if built else 'source'}/{series}/{source}",
            )
        )
    told = {f"source/{line.series}/{line.source}" for line in lines}
    told |= {f"build/{line.series}/{line.source}" for line in lines}
    other = tuple(
        _test_line(steps[name], result)
        for name, result in results.items()
        if steps[name].kind != "test"
        and name not in told
        and not isinstance(result.verdict, Passed)
    )
    counts = dict.fromkeys(("passed", "failed", "skipped", "broken"), 0)
    for name, result in results.items():
        if steps[name].kind == "test":
            counts[verdict.kind(result.verdict)] += 1
    return Summary(
        base,
        suite,
        tuple(differing),
        tuple(testing_only),
        tuple(lines),
        other,
        counts,
        round(seconds, 1),
    )


def _test_line(step: Step, result: Result) -> TestLine:
    return TestLine(
        step.test or step.name,
        step.variant,
        verdict.kind(result.verdict),
        verdict.text(result.verdict),
        round(result.seconds, 1),
        step.name,
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
    """The summary for a person, readable without a terminal."""
    rows = [("series", "source package", "version", "source", "build", "tests")]
    for line in summary.lines:
        build = f"{line.build} {line.build_seconds:.0f} s" if line.build else "-"
        tests = ", ".join(_test_text(test) for test in line.tests) or "-"
        rows.append((line.series, line.source, line.version, line.made, build, tests))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    text = ["", "Summary"]
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        text.append("  " + "  ".join(padded).rstrip())
    for line in summary.lines:
        if line.reason:
            text.append(f"  {line.series}/{line.source}: {line.reason} ({work}/{line.folder})")
        for test in line.tests:
            if test.verdict != "passed":
                name = f"{line.series}/{line.source} {_test_text(test)}"
                text.append(f"  {name}: {test.reason} ({work}/{test.folder})")
    text += [f"  {step.test}: {step.verdict}: {step.reason}" for step in summary.other]
    if summary.base:
        suite = f" ({summary.suite})" if summary.suite else ""
        text.append(f"Base of builds and tests: {summary.base}{suite}.")
    if summary.differing:
        names = ", ".join(
            f"{package} {has} (series: {wants or 'not known'})"
            for package, wants, has in summary.differing
        )
        text.append(f"Versions of the base that differ from the series': {names}.")
    if summary.testing_only:
        text.append(
            "Made from upstream's tarball with our own packaging, for testing only (~standin1, "
            f"never to be uploaded): {', '.join(summary.testing_only)}."
        )
    counted = ", ".join(f"{number} {name}" for name, number in summary.counts.items())
    text.append(f"Tests: {counted}. Time: {summary.seconds:.0f} s. Files: {work}")
    return "\n".join(text)


def _test_text(test: TestLine) -> str:
    control = f" (control on {test.variant})" if test.variant else ""
    return f"{test.test}{control} {test.verdict}"
