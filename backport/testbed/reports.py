"""What a test says of itself beside its exit code, in JSON files among its artifacts.

A control writes ``control.json`` with an ``outcome`` of ``harm-seen``, ``not-seen`` or ``broken``
and the number of ``rounds``. A test of concurrency writes ``result.json`` with
``failed_processes`` of ``total_processes``, one of orders of two processes with ``bad_orders`` of
``total_orders``, one of properties with its ``checks``, how many of them failed
(``failed_checks``) and how many the testbed could not run (``skipped_checks``).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from backport.engine import records
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import InputError, reading

SEEN, NOT_SEEN = "harm-seen", "not-seen"


def of_control(verdict: Verdict, artifacts: Path) -> Verdict:
    """The verdict of a control: passed only if the harm was seen, by exit code and by report.

    A control that did not see the harm proves nothing, so it is Broken and never Failed.

    Parameters:
        verdict: what autopkgtest says.
        artifacts: the folder with ``control.json``.
    """
    if isinstance(verdict, Skipped):
        return verdict
    report = _read(artifacts / "control.json")
    outcome, rounds = report.get("outcome", ""), report.get("rounds", 0)
    if isinstance(verdict, Passed) and outcome == SEEN:
        if skipped := report.get("skipped_checks", 0):
            return Skipped(f"harm seen, but {skipped} controls of checks could not run here")
        return Passed(f"harm seen, {rounds} rounds")
    if outcome == NOT_SEEN and not isinstance(verdict, Passed):
        return Broken(f"the harm was not seen in {rounds} rounds: the control proves nothing")
    detail = verdict.detail if isinstance(verdict, (Failed, Broken)) else "it passed"
    return Broken(f"the control gave no usable answer ({outcome or 'no control.json'}): {detail}")


def of_test(verdict: Verdict, artifacts: Path) -> Verdict:
    """The verdict of a test, with the numbers that it reports."""
    report = _read(artifacts / "result.json")
    if not isinstance(verdict, Passed):
        return verdict
    if "total_processes" in report:
        what, failed, total = "processes", report.get("failed_processes"), report["total_processes"]
    elif isinstance(report.get("checks"), list):
        what, failed, total = "checks", report.get("failed_checks"), len(report["checks"])
    elif "total_orders" in report:
        what, failed, total = "orders", report.get("bad_orders"), report["total_orders"]
    else:
        return verdict
    if failed != 0 or not total:
        return Broken(f"the test passed, but its report says {failed} of {total} {what} failed")
    if skipped := report.get("skipped_checks", 0):
        return Skipped(f"{skipped} of {total} {what} could not run here; the others passed")
    return Passed(f"{failed} of {total} {what} failed")


def _read(path: Path) -> dict[str, Any]:
    with suppress(InputError), reading(path):
        data = records.read_json(path)
        return data if isinstance(data, dict) else {}
    return {}
