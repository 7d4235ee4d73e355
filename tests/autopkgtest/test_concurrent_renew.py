"""The race of concurrent-renew and its control, with a small certbot of the tests' own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import HERE, WITH_ACME

FAKE = [*WITH_ACME, str(HERE / "fake_certbot.py")]


def race(kind: str, artifacts: Path, *certbot: str) -> tuple[int, dict[str, Any], str]:
    """Run the test or the control; its exit code, its report and what it printed."""
    done = subprocess.run(
        [*WITH_ACME, str(HERE / "race_webroot.py"), kind, str(artifacts), *certbot],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    name = "result.json" if kind == "test" else "control.json"
    return done.returncode, json.loads((artifacts / name).read_text()), done.stdout


def test_with_a_lock_no_process_fails(tmp_path: Path) -> None:
    code, result, printed = race("test", tmp_path, *FAKE, "locked")

    assert (code, result["outcome"]) == (0, "passed")
    assert (result["failed_processes"], result["total_processes"]) == (0, 8)
    assert {case["case"]: case["versions_after"] for case in result["cases"]} == {
        "due-webroot-own": [1, 2],
        "forced-webroot-own": [1, 2, 3, 4, 5],
    }
    assert "0 of 8 processes failed, 0 of 2 cases went wrong" in printed


def test_without_a_lock_it_fails_and_keeps_the_logs(tmp_path: Path) -> None:
    code, result, printed = race("test", tmp_path, *FAKE, "unlocked")

    assert (code, result["outcome"]) == (1, "failed")
    assert all(case["failed"] == 3 for case in result["cases"])
    assert {case["kind"] for case in result["cases"][0]["findings"]} >= {"exit", "output", "issued"}
    assert "File exists" in printed
    assert (tmp_path / "due-webroot-own").is_dir()


def test_the_control_sees_the_harm_in_every_case(tmp_path: Path) -> None:
    code, control, _ = race("control", tmp_path, *FAKE, "unlocked")

    assert (code, control["outcome"], control["rounds"]) == (0, "harm-seen", 2)
    assert [case["rounds"][-1]["harm"] for case in control["cases"]] == [["file-exists"]] * 2


def test_the_control_on_a_locked_certbot_sees_no_harm_in_all_its_rounds(tmp_path: Path) -> None:
    code, control, _ = race("control", tmp_path, *FAKE, "locked")

    assert (code, control["outcome"], control["rounds"]) == (1, "not-seen", 4)


def test_a_certbot_that_fails_alone_is_no_control(tmp_path: Path) -> None:
    code, control, _ = race("control", tmp_path, *FAKE, "alone-broken")

    assert (code, control["outcome"], control["rounds"]) == (2, "broken", 0)
    assert "alone" in control["cases"][0]["error"]


@pytest.mark.parametrize("kind", ["test", "control"])
def test_a_certbot_that_cannot_obtain_is_broken_and_not_failed(kind: str, tmp_path: Path) -> None:
    answers = "case $* in *--version*) echo certbot;; *) echo no; exit 1;; esac"

    code, result, printed = race(kind, tmp_path, "sh", "-c", answers, "sh")

    assert (code, result["outcome"]) == (2, "broken")
    assert result["error"] == "certbot obtained no certificate (exit 1): no"
    assert "Broken: certbot obtained no" in printed
