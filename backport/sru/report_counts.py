"""What a test and its control counted, by the reports that they leave among their artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backport.sru.report_parts import Count


def of_test(report: Mapping[str, Any]) -> Iterator[Count]:
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


def of_control(report: Mapping[str, Any]) -> Iterator[Count]:
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
