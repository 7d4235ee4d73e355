"""An assessment as text for a terminal and as Markdown for a bug or a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from study import figures
from study.assessment import Assessment, Case, Fleet
from study.intervals import Rate
from study.measured import OUTCOMES, Measured
from study.remedies import Row, Share

_HEAD = (
    "remedy", "other jobs at", "overlap", "cron mail", "damaged", "mismatch", "a system and year",
    "a fleet", "under 1 in 1,000,000",
)  # fmt: skip
_LEFT_COLUMNS = 2


def as_text(assessment: Assessment) -> str:
    """The assessment for a terminal."""
    parts = ["Upstream's figures", *(f"  {line}" for line in _figures(assessment))]
    for case in assessment.cases:
        parts += ["", *_case_head(case, assessment.fleet), _aligned(_cells(case, assessment.fleet))]
    parts += ["", *_closing(assessment)]
    return "\n".join(parts) + "\n"


def as_markdown(assessment: Assessment) -> str:
    """The assessment as Markdown."""
    parts = ["## Upstream's figures", "", *(f"* {line}" for line in _figures(assessment))]
    for case in assessment.cases:
        head = _case_head(case, assessment.fleet)
        parts += ["", f"## {head[0]}", "", *head[1:], "", "| " + " | ".join(_HEAD) + " |"]
        parts.append("|---|---|" + "--:|" * (len(_HEAD) - _LEFT_COLUMNS))
        parts += ["| " + " | ".join(cells) + " |" for cells in _cells(case, assessment.fleet)]
    parts += ["", *(f"{line}\n" for line in _closing(assessment))]
    return "\n".join(parts) + "\n"


def odds(value: float | None) -> str:
    """Odds as people say them: 1 in 5,000."""
    if value is None:
        return "not bounded"
    if value <= 0:
        return "never"
    return f"1 in {1 / value:,.0f}" if value < 0.5 else f"{value:.0%}"


def share(rate: Rate) -> str:
    """A measured share with its interval."""
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _figures(assessment: Assessment) -> Sequence[str]:
    return figures.lines(assessment.reproduction)


def _case_head(case: Case, fleet: Fleet) -> list[str]:
    one = case.renewal
    return [
        f"Odds per renewal, {case.name}",
        f"A renewal takes {one.length:.2f} s, its write window {one.window * 1000:.1f} ms, the "
        f"window's place varies by {one.jitter:.2f} s; lineages due at once: {one.lineages}. "
        f"Harm: {case.harm.source}. A fleet: {fleet.systems:,} systems, {fleet.share:.0%} with "
        "two jobs; events a year are cron mails / mismatches.",
    ]


def _cells(case: Case, fleet: Fleet) -> Iterable[tuple[str, ...]]:
    lineages = case.renewal.lineages
    for row in case.rows:
        harms = (row.mail, row.mismatch)
        yield (
            row.title,
            row.admins_title,
            odds(row.collision) + (" (waits)" if row.locked and row.collision else ""),
            *(_share(one) for one in (row.mail, row.damage, row.mismatch)),
            _pair([row.a_year(one, lineages) for one in harms]),
            _pair([row.fleet(one, fleet.systems, fleet.share, lineages) for one in harms]),
            _tolerable(row),
        )


def _tolerable(row: Row) -> str:
    if row.mismatch is None:
        return "not bounded"
    if row.mismatch.value <= figures.TOLERABLE:
        return "yes"
    return "not shown" if row.mismatch.bound else "no"


def _share(one: Share | None) -> str:
    if one is None:
        return "not bounded"
    return f"below {odds(one.value)}" if one.bound and one.value > 0 else odds(one.value)


def _pair(values: Sequence[Share | None]) -> str:
    return " / ".join(
        "-" if one is None else f"{'< ' if one.bound and one.value else ''}{one.value:.3g}"
        for one in values
    )


def _closing(assessment: Assessment) -> list[str]:
    told = [f"Other jobs at {one.title}: {one.source.rstrip('.')}." for one in assessment.admins]
    told += [_measured(one) for one in assessment.measured]
    if not assessment.measured:
        told.append(
            "Nothing is measured yet: backport test --long --matrix study/matrix.toml "
            "--test race-measure does it."
        )
    agreeing = sum(1 for check in assessment.checks if check.agrees)
    if assessment.checks:
        trials = assessment.checks[0].played.collision.trials
        told.append(
            f"The simulation (seed {assessment.seed}, {trials:,} renewals each) agrees with the "
            f"closed form in {agreeing} of {len(assessment.checks)} checks; an interval of 95 % "
            "misses once in twenty."
        )
    told.append(
        "Below: it was never seen, and so many trials leave that much room at 95 %. With the lock "
        "an overlap is a wait, and such a bound per overlapping pair, times the odds of an "
        "overlap, is all that counting can say; it is no estimate, and shrinks only with the "
        "number of trials."
    )
    return told


def _measured(one: Measured) -> str:
    seen = ", ".join(f"{name} {share(one.outcomes[name])}" for name in OUTCOMES)
    means = f" ({'; '.join(one.shortcuts)})" if one.shortcuts else ""
    return (
        f"Measured in {one.series or 'a testbed'}, {one.variant}, {one.disk}"
        f"{f' ({one.emulated})' if one.emulated else ''}, certbot's sleep {one.sleep}"
        f"{means}: a renewal "
        f"takes {one.lengths[0]:.2f} s ({one.lengths[1]:.2f} to {one.lengths[2]:.2f}), the write "
        f"window {one.windows[0] * 1000:.1f} ms ({one.windows[1] * 1000:.1f} to "
        f"{one.windows[2] * 1000:.1f}); of {one.overlapping} overlapping pairs: {seen}; a "
        f"cron mail would have come from {share(one.mail)}; of "
        f"{one.raced['mismatch'].trials} write races mismatch {share(one.raced['mismatch'])}; "
        f"{one.pairs_an_hour:,.0f} pairs an hour."
    )


def _aligned(rows: Iterable[tuple[str, ...]]) -> str:
    table = [_HEAD, *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(_HEAD))]
    return "\n".join(
        "  " + "  ".join(
            cell.ljust(width) if index < _LEFT_COLUMNS else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )  # fmt: skip
