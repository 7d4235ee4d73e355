from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.testbed.result import MEANINGS, OneTest, judge, read_summary

PASS = "smoke                PASS\n"
SUPERFICIAL = "import               PASS (superficial)\n"
FAIL = "renew                FAIL non-zero exit status 3\n"
SKIP = "reboot               SKIP Test requires machine-level isolation\n"
FLAKY = "race                 FLAKY non-zero exit status 1\n"
BADPKG = (
    "old                  FAIL badpkg\n"
    "blame: /tmp/tree/\n"
    "badpkg: Test dependencies are unsatisfiable.\n"
)
NONE = "*                    SKIP no tests in this package\n"

# Every exit status that autopkgtest can end with, a summary of such a run, and what it means.
RUNS: list[tuple[int, str, Verdict]] = [
    (0, PASS, Passed("1 tests")),
    (0, PASS + SUPERFICIAL, Passed("2 tests")),
    (2, PASS + SKIP,
     Skipped("1 of 2 skipped (reboot): Test requires machine-level isolation")),
    (2, PASS + FLAKY,
     Skipped("1 of 2 skipped (race): it failed, and is marked as flaky: non-zero exit status 1")),
    (4, FAIL, Failed("test", "1 of 1 failed (renew): non-zero exit status 3")),
    (4, PASS + FAIL, Failed("test", "1 of 2 failed (renew): non-zero exit status 3")),
    (6, PASS + SKIP + FAIL, Failed("test", "1 of 3 failed (renew): non-zero exit status 3")),
    (8, NONE, Skipped("there are no tests")),
    (8, SKIP, Skipped("1 of 1 skipped (reboot): Test requires machine-level isolation")),
    (8, SUPERFICIAL, Skipped("only superficial tests ran")),
    (12, PASS + BADPKG,
     Failed("install", "1 of 2 failed (old): Test dependencies are unsatisfiable.")),
    (12, "blame: /tmp/tree/\nbadpkg: no debian/changelog\n", Failed("package", "said")),
    (14, SKIP + BADPKG,
     Failed("install", "1 of 2 failed (old): Test dependencies are unsatisfiable.")),
    (16, "", Broken("the testbed failed: said")),
    (16, PASS, Broken("the testbed failed: said")),
    (20, "quitting: unexpected error, see log\n",
     Broken("autopkgtest ended with exit status 20: said")),
]  # fmt: skip


@pytest.mark.parametrize(("exit_code", "summary", "verdict"), RUNS)
def test_the_exit_status_and_the_summary_give_the_verdict(
    exit_code: int, summary: str, verdict: Verdict
) -> None:
    assert judge(exit_code, read_summary(summary), last_words="said") == verdict


@pytest.mark.parametrize("exit_code", [*range(21), -9, -15, 255])
def test_no_exit_status_alone_is_a_pass(exit_code: int) -> None:
    assert not isinstance(judge(exit_code, ()), Passed)


@pytest.mark.parametrize("exit_code", sorted(set(range(21)) - set(MEANINGS) - {16}))
def test_an_exit_status_that_autopkgtest_does_not_document_is_broken(exit_code: int) -> None:
    verdict = judge(exit_code, read_summary(PASS))

    assert verdict == Broken(f"autopkgtest ended with exit status {exit_code}")


@pytest.mark.parametrize(
    ("exit_code", "summary"),
    [
        (0, FAIL),
        (0, PASS + SKIP),
        (0, ""),
        (2, PASS),
        (2, SKIP),
        (4, PASS),
        (4, FAIL + SKIP),
        (6, PASS + FAIL),
        (8, PASS),
        (12, PASS),
        (14, BADPKG),
    ],
)
def test_a_summary_that_says_something_else_than_the_status_is_broken(
    exit_code: int, summary: str
) -> None:
    verdict = judge(exit_code, read_summary(summary))

    assert isinstance(verdict, Broken)
    assert verdict.detail.startswith(f"exit status {exit_code} (")


@pytest.mark.parametrize(
    ("exit_code", "summary", "wanted", "trouble"),
    [
        (0, PASS, ["smoke", "renew"], "no answer came from: renew"),
        (2, PASS + "old   BROKEN no such file\n", [], "old: no such file"),
        (-15, PASS, None, "the testbed took longer than its time limit"),
    ],
    ids=["no answer", "a broken test", "ended by the toolkit"],
)
def test_what_gave_no_answer_is_broken_whatever_passed(
    exit_code: int, summary: str, wanted: list[str] | None, trouble: str
) -> None:
    tests = read_summary(summary)
    assert judge(exit_code, tests, wanted=wanted or [], timed_out=wanted is None) == Broken(trouble)


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("slow  FAIL timed out", Failed("timeout", "the test took longer than its time limit")),
        ("loud  FAIL stderr: warning", Failed("stderr", "stderr: warning")),
        ("odd   FAIL", Failed("test", "it failed")),
        ("old   FAIL badpkg", Failed("install", "its packages could not be installed")),
        ("quiet SKIP", Skipped("no reason was given")),
    ],
)
def test_each_line_of_the_summary_is_a_verdict(line: str, verdict: Verdict) -> None:
    (test,) = read_summary(line)

    assert test.verdict == verdict


def test_each_uninstallable_test_has_the_reason_that_follows_it() -> None:
    text = BADPKG + PASS + BADPKG.replace("old ", "new ").replace("unsatisfiable", "gone")

    assert read_summary(text) == (
        OneTest("old", Failed("install", "Test dependencies are unsatisfiable.")),
        OneTest("smoke", Passed()),
        OneTest("new", Failed("install", "Test dependencies are gone.")),
    )


@given(st.text())
def test_any_summary_can_be_read(text: str) -> None:
    assert isinstance(read_summary(text), tuple)
