"""What a test and its control counted, by the reports that they leave among their artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backport.engine import records
from backport.sru.report_parts import Count


def of_test(report: Mapping[str, Any]) -> Iterator[Count]:
    """What a test counted: see `backport.testbed.reports`.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: it is no such report, as below.
    """
    if "total_processes" in report:
        for case in report.get("cases", ()):
            total = len(case.get("processes", ()))
            yield Count(_word(case, "case"), _number(case, "failed"), total, "processes")
        if "cases" not in report:
            bad, total = _number(report, "failed_processes"), _number(report, "total_processes")
            yield Count("all", bad, total, "processes")
    for check in report.get("checks", ()):
        state = _word(check, "outcome", "verdict")
        bad = int(state not in ("passed", "skipped"))
        yield Count(_word(check, "name", "check"), bad, 1, "checks", state)


def of_control(report: Mapping[str, Any]) -> Iterator[Count]:
    """What a control saw in each case, in the round that showed the harm."""
    for case in report.get("cases", report.get("checks", ())):
        name = _word(case, "case", "name", "check")
        rounds = case.get("rounds")
        if isinstance(rounds, list) and rounds:
            last, number = rounds[-1], len(rounds)
            harm = ", ".join(records.decode(tuple[str, ...], last.get("harm", [])))
            detail = f"{harm}; in round {number}" if number > 1 else harm
            total = len(last.get("processes", ()))
            yield Count(name, _number(last, "failed"), total, "processes", detail)
        else:
            state = _word(case, "outcome")
            yield Count(name, int(state == "harm-seen"), 1, "checks", state)


def _word(data: Mapping[str, Any], *keys: str) -> str:
    """The text under the first of the keys that is there; "" for none."""
    return str(next((data[key] for key in keys if key in data), ""))


def _number(data: Mapping[str, Any], key: str) -> int:
    number: int = records.decode(int, data.get(key, 0), key)
    return number
