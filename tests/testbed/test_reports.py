"""What a test's own report adds to autopkgtest's verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.testbed import reports


def report(folder: Path, name: str, **data: object) -> Path:
    (folder / name).write_text(json.dumps(data))
    return folder


def test_a_control_that_saw_the_harm_passes_and_says_after_how_many_rounds(tmp_path: Path) -> None:
    report(tmp_path, "control.json", outcome="harm-seen", rounds=7)
    assert reports.of_control(Passed(), tmp_path) == Passed("harm seen, 7 rounds")


def test_a_control_that_saw_no_harm_is_broken_not_failed(tmp_path: Path) -> None:
    report(tmp_path, "control.json", outcome="not-seen", rounds=20)
    verdict = reports.of_control(Failed("test", "exit 1"), tmp_path)
    assert verdict == Broken("the harm was not seen in 20 rounds: the control proves nothing")


@pytest.mark.parametrize("outcome", ["not-seen", "broken", ""])
@pytest.mark.parametrize("verdict", [Passed(), Failed("test", "x"), Broken("y")])
def test_no_control_passes_without_harm_in_its_report(
    tmp_path: Path, verdict: Verdict, outcome: str
) -> None:
    report(tmp_path, "control.json", outcome=outcome, rounds=1)
    assert isinstance(reports.of_control(verdict, tmp_path), Broken)


def test_a_control_that_says_harm_but_ended_badly_is_broken(tmp_path: Path) -> None:
    report(tmp_path, "control.json", outcome="harm-seen", rounds=1)
    assert isinstance(reports.of_control(Failed("test", "exit 2"), tmp_path), Broken)


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_control_without_a_readable_report_is_broken(tmp_path: Path, text: str) -> None:
    (tmp_path / "control.json").write_text(text)
    assert isinstance(reports.of_control(Passed(), tmp_path), Broken)


def test_a_skipped_control_stays_skipped(tmp_path: Path) -> None:
    assert reports.of_control(Skipped("why"), tmp_path) == Skipped("why")


def test_a_test_tells_its_numbers(tmp_path: Path) -> None:
    report(tmp_path, "result.json", failed_processes=0, total_processes=20)
    assert reports.of_test(Passed(), tmp_path) == Passed("0 of 20 processes failed")


@pytest.mark.parametrize(
    ("bad", "total", "verdict"),
    [
        (0, 60722, Passed("0 of 60722 orders failed")),
        (2, 9, Broken("the test passed, but its report says 2 of 9 orders failed")),
        (0, 0, Broken("the test passed, but its report says 0 of 0 orders failed")),
    ],
)
def test_a_test_of_orders_needs_orders_and_no_bad_one(
    tmp_path: Path, bad: int, total: int, verdict: Verdict
) -> None:
    report(tmp_path, "result.json", bad_orders=bad, total_orders=total)
    assert reports.of_test(Passed(), tmp_path) == verdict


@pytest.mark.parametrize(("failed", "total"), [(1, 20), (0, 0), (None, 3)])
def test_a_test_whose_numbers_contradict_its_exit_code_is_broken(
    tmp_path: Path, failed: int | None, total: int
) -> None:
    report(tmp_path, "result.json", failed_processes=failed, total_processes=total)
    assert isinstance(reports.of_test(Passed(), tmp_path), Broken)


def test_a_test_without_a_report_keeps_its_verdict(tmp_path: Path) -> None:
    assert reports.of_test(Passed("fine"), tmp_path) == Passed("fine")
    assert reports.of_test(Failed("test", "x"), tmp_path) == Failed("test", "x")


def test_a_test_of_properties_tells_its_checks(tmp_path: Path) -> None:
    report(tmp_path, "result.json", checks=[{}, {}, {}], failed_checks=0, skipped_checks=0)
    assert reports.of_test(Passed(), tmp_path) == Passed("0 of 3 checks failed")


def test_checks_that_could_not_run_are_no_pass(tmp_path: Path) -> None:
    report(tmp_path, "result.json", checks=[{}, {}, {}], failed_checks=0, skipped_checks=1)
    verdict = reports.of_test(Passed(), tmp_path)
    assert verdict == Skipped("1 of 3 checks could not run here; the others passed")


def test_a_control_whose_checks_could_not_all_run_is_no_pass(tmp_path: Path) -> None:
    report(tmp_path, "control.json", outcome="harm-seen", rounds=3, skipped_checks=2)
    assert isinstance(reports.of_control(Passed(), tmp_path), Skipped)


@pytest.mark.parametrize("checks", [[], [{}]])
def test_a_test_of_properties_that_contradicts_its_exit_code_is_broken(
    tmp_path: Path, checks: list[object]
) -> None:
    report(tmp_path, "result.json", checks=checks, failed_checks=len(checks))
    assert isinstance(reports.of_test(Passed(), tmp_path), Broken)
