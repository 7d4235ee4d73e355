"""The actions of the steps of the kind ``check``, and what their verdict is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backport.check import finding, lifecycle, planned, reproducible, static
from backport.check.finding import FILE, Finding
from backport.engine.outputs import built_debs
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome
from backport.engine.verdict import Failed, Passed
from backport.environments import prepared
from backport.recipe.model import Recipe, Review
from backport.source import weight

LINTIAN_LOG = "lintian.log"


def action(
    recipe: Recipe, step: Step, out: Path, needs: Mapping[StepId, Path], scratch: Path
) -> Outcome:
    """Carry out a check.

    Parameters:
        out: the step's folder; the findings go there as findings.json, and all logs.
        needs: the folders of the steps that it needs.
        scratch: an empty folder to work in.

    Raises:
        InputError, StepError: a package cannot be read.
        MachineError: a program is missing or fails, or a testbed does not start.
    """
    test, source, series = step.id.test, step.id.source, step.id.series
    if test == planned.REPRODUCIBLE:
        return outcome(reproducible.check(recipe, step, needs, out, scratch), out)
    if test == planned.LIFECYCLE:
        return outcome(lifecycle.check(recipe, step, needs, out, scratch), out)
    if test == planned.REVIEW:
        return outcome(review(recipe.review, needs), out)
    own = {need.kind: folder for need, folder in needs.items() if need.source == source}
    if test == planned.SOURCE:
        return outcome(static.check_source(recipe, source, series, own, scratch), out)
    found, log = static.check(
        recipe,
        source,
        series,
        own,
        scratch,
        update=built_debs(folder for need, folder in needs.items() if need.kind == "build"),
        prepared=prepared.read(needs[StepId("base", series)]),
    )
    (out / LINTIAN_LOG).write_text(log)
    return outcome(found, out)


def review(limits: Review, needs: Mapping[StepId, Path]) -> tuple[Finding, ...]:
    """A warning for each part that is above its limit in one series.

    Parameters:
        needs: the folders of the source steps.
    """
    weights = {need.source: weight.read(folder / weight.FILE) for need, folder in needs.items()}
    advice = "make it smaller, or raise the limit with a reason that the reviewer will take"
    return tuple(
        finding.make("heavy-review", "warning", place, why, advice)
        for place, why in planned.over(limits, weights)
    )


def outcome(findings: tuple[Finding, ...], out: Path) -> Outcome:
    """Write the findings into the step's folder; only a new error makes the check fail."""
    finding.write(findings, out / FILE)
    told = finding.counts_text(findings)
    bad = [one for one in findings if one.fails]
    if bad:
        first = f"{bad[0].place}: {bad[0].why} ({bad[0].rule})"
        return Outcome(Failed("check", f"{told}; the first: {first}", FILE), (FILE,))
    return Outcome(Passed(told), (FILE,))
