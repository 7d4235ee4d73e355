"""What a test's own report adds to autopkgtest's verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.testbed import reports

PASSED, FAILED, BROKEN, SKIPPED = Passed("fine"), Failed("test", "x"), Broken("y"), Skipped("why")


def of_outcome(outcome: str, **more: int) -> dict[str, Any]:
    return {"outcome": outcome, "rounds": 7, **more}


@pytest.mark.parametrize(
    ("verdict", "report", "expected"),
    [
        (PASSED, of_outcome("harm-seen"), Passed("harm seen, 7 rounds")),
        (FAILED, of_outcome("not-seen"),
         Broken("the harm was not seen in 7 rounds: the control proves nothing")),
        (SKIPPED, {}, SKIPPED),
        (PASSED, of_outcome("harm-seen", skipped_checks=2),
         Skipped("harm seen, but 2 controls of checks could not run here")),
        # Of all else nothing follows, and least of all a pass.
        *((verdict, of_outcome(outcome), None) for verdict in (PASSED, FAILED, BROKEN)
          for outcome in ("not-seen", "broken", "")),
        *((verdict, of_outcome("harm-seen"), None) for verdict in (FAILED, BROKEN)),
        *((PASSED, text, None) for text in ("", "[]", "{", "null")),
    ],
)  # fmt: skip
def test_a_control_passes_only_when_it_and_its_report_say_that_harm_was_seen(
    tmp_path: Path, verdict: Verdict, report: dict[str, Any] | str, expected: Verdict | None
) -> None:
    text = report if isinstance(report, str) else json.dumps(report)
    (tmp_path / "control.json").write_text(text)
    found = reports.of_control(verdict, tmp_path)
    assert isinstance(found, Broken) if expected is None else found == expected


def contradiction(numbers: str) -> Verdict:
    return Broken(f"the test passed, but its report says {numbers} failed")


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"failed_processes": 0, "total_processes": 20}, Passed("0 of 20 processes failed")),
        ({"failed_processes": 1, "total_processes": 20}, contradiction("1 of 20 processes")),
        ({"failed_processes": 0, "total_processes": 0}, contradiction("0 of 0 processes")),
        ({"failed_processes": None, "total_processes": 3}, contradiction("None of 3 processes")),
        ({"bad_orders": 0, "total_orders": 60722}, Passed("0 of 60722 orders failed")),
        ({"bad_orders": 2, "total_orders": 9}, contradiction("2 of 9 orders")),
        ({"bad_orders": 0, "total_orders": 0}, contradiction("0 of 0 orders")),
        ({"checks": [{}, {}, {}], "failed_checks": 0}, Passed("0 of 3 checks failed")),
        ({"checks": [{}], "failed_checks": 1}, contradiction("1 of 1 checks")),
        ({"checks": [], "failed_checks": 0}, contradiction("0 of 0 checks")),
        ({"checks": [{}, {}, {}], "failed_checks": 0, "skipped_checks": 1},
         Skipped("1 of 3 checks could not run here; the others passed")),
        ({}, PASSED),
    ],
)  # fmt: skip
def test_a_test_tells_its_numbers_and_passes_only_where_they_do_not_contradict(
    tmp_path: Path, report: dict[str, Any], expected: Verdict
) -> None:
    (tmp_path / "result.json").write_text(json.dumps(report))
    assert reports.of_test(PASSED, tmp_path) == expected
    assert reports.of_test(FAILED, tmp_path) == FAILED
