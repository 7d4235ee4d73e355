"""What a run of autopkgtest came to: its exit status and its summary, in one table.

autopkgtest(1), EXIT STATUS: 0 all passed, 2 at least one skipped, 4 at least one failed, 8 no
tests or all skipped, 12 erroneous package, 14 erroneous package and skipped, 6 skipped and
failed, 16 testbed failure, 20 other failures. The summary says the same per test; where the two
do not agree, the verdict is Broken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict, kind


@dataclass(frozen=True)
class Meaning:
    """What an exit status claims: which kinds of results the summary has to show.

    `kinds` are all that must occur, `others` may occur beside them.
    """

    text: str
    kinds: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset({"passed"})


_P, _S, _F = "passed", "skipped", "failed"

# Statuses that are not here (1, 3, 5, 7, 9, 10, 11, 13, 15, 17, 18, 19, signals) are no answer.
MEANINGS: dict[int, Meaning] = {
    0: Meaning("all tests passed", frozenset({_P}), frozenset()),
    2: Meaning("tests were skipped", frozenset({_S, _P}), frozenset()),
    4: Meaning("tests failed", frozenset({_F})),
    6: Meaning("tests failed, others were skipped", frozenset({_F, _S})),
    8: Meaning("no test gave an answer", frozenset(), frozenset({_S, _P})),
    12: Meaning("a package could not be installed", frozenset({_F})),
    14: Meaning("a package could not be installed, tests were skipped", frozenset({_F, _S})),
}
ERRONEOUS_PACKAGE = 12
TESTBED_FAILED = 16


@dataclass(frozen=True)
class OneTest:
    """One test of a run."""

    name: str
    verdict: Verdict


@dataclass(frozen=True)
class TestResult:
    """One run of autopkgtest."""

    __test__ = False

    verdict: Verdict
    tests: tuple[OneTest, ...]


def read_summary(text: str) -> tuple[OneTest, ...]:
    """The tests in a summary file of autopkgtest, in its order."""
    tests: list[OneTest] = []
    for line in text.splitlines():
        match = re.fullmatch(r"(\S+)\s+(PASS|FAIL|SKIP|FLAKY|BROKEN)\b ?(.*)", line.rstrip())
        if match and match[1] != "*":
            tests.append(OneTest(match[1], _one(match[2], match[3])))
        # The reason why packages could not be installed is on a line of its own, after the test.
        elif line.startswith("badpkg: ") and tests and tests[-1].verdict == _NOT_INSTALLED:
            tests[-1] = OneTest(tests[-1].name, Failed("install", line[8:].strip()))
    return tuple(tests)


_NOT_INSTALLED = Failed("install", "its packages could not be installed")


def _one(word: str, detail: str) -> Verdict:
    if word == "FAIL":
        return _failure(detail)
    verdicts: dict[str, Verdict] = {
        "PASS": Passed(detail.strip("()")),
        "SKIP": Skipped(detail or "no reason was given"),
        "FLAKY": Skipped(f"it failed, and is marked as flaky: {detail}"),
        "BROKEN": Broken(detail or "no reason was given"),
    }
    return verdicts[word]


def _failure(detail: str) -> Failed:
    if detail == "timed out":
        return Failed("timeout", "the test took longer than its time limit")
    if detail == "badpkg":
        return _NOT_INSTALLED
    return Failed("stderr" if detail.startswith("stderr:") else "test", detail or "it failed")


def judge(
    exit_code: int,
    tests: Sequence[OneTest],
    *,
    wanted: Sequence[str] = (),
    timed_out: bool = False,
    last_words: str = "",
) -> Verdict:
    """The verdict over a whole run.

    Parameters:
        exit_code: autopkgtest's; negative for a signal.
        tests: what the summary holds.
        wanted: the tests that were asked for by name; one without an answer is Broken.
        timed_out: the toolkit ended the run, because the testbed took too long.
        last_words: autopkgtest's own, for the reader.
    """
    trouble = ""
    if timed_out:
        trouble = "the testbed took longer than its time limit"
    elif exit_code == TESTBED_FAILED:
        trouble = "the testbed failed"
    elif exit_code not in MEANINGS:
        trouble = f"autopkgtest ended with exit status {exit_code}"
    else:
        trouble = _disagreement(exit_code, tests, wanted)
    if exit_code == ERRONEOUS_PACKAGE and not tests:
        return Failed("package", last_words or "autopkgtest calls the package erroneous")
    if trouble:
        return Broken(f"{trouble}: {last_words}" if last_words else trouble)
    return _sum(tests)


def _disagreement(exit_code: int, tests: Sequence[OneTest], wanted: Sequence[str]) -> str:
    """Where the summary does not say what the exit status claims; "" where it does."""
    for test in tests:
        if isinstance(test.verdict, Broken):
            return f"{test.name}: {test.verdict.detail}"
    if silent := [name for name in wanted if name not in {test.name for test in tests}]:
        return f"no answer came from: {', '.join(silent)}"
    meaning = MEANINGS[exit_code]
    claim = f"exit status {exit_code} ({meaning.text}), but"
    seen = {kind(test.verdict) for test in tests}
    if missing := meaning.kinds - seen:
        return f"{claim} no test {' or '.join(sorted(missing))}"
    if extra := seen - meaning.kinds - meaning.others:
        return f"{claim} some tests {' and '.join(sorted(extra))}"
    if exit_code == 8 and any(test.verdict == Passed() for test in tests):
        return f"{claim} some tests passed"
    return ""


def _sum(tests: Sequence[OneTest]) -> Verdict:
    failed = [(test.name, test.verdict) for test in tests if isinstance(test.verdict, Failed)]
    skipped = [(test.name, test.verdict) for test in tests if isinstance(test.verdict, Skipped)]
    if failed:
        names = ", ".join(name for name, _ in failed)
        first = failed[0][1]
        return Failed(
            first.stage, f"{len(failed)} of {len(tests)} failed ({names}): {first.detail}"
        )
    if skipped:
        names = ", ".join(name for name, _ in skipped)
        why = skipped[0][1].reason
        return Skipped(f"{len(skipped)} of {len(tests)} skipped ({names}): {why}")
    if all(test.verdict != Passed() for test in tests):
        return Skipped("only superficial tests ran" if tests else "there are no tests")
    return Passed(f"{len(tests)} tests")
