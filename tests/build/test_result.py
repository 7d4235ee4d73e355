from __future__ import annotations

import pytest

from backport.build.result import STATUSES, judge, read_summary, reason, tail
from backport.engine.verdict import Broken, Failed, Passed, Verdict

RULE = "+" + "-" * 78 + "+"


def log(
    status: str, stage: str = "", body: str = "make: *** [debian/rules:5: build] Error 1"
) -> str:
    fail_stage = f"Fail-Stage: {stage}\n" if stage else ""
    return f"""\
sbuild (Debian sbuild) 0.85.0 (04 January 2023) on host

{RULE}
| Build                                                                        |
{RULE}

dpkg-buildpackage
-----------------

{body}
--------------------------------------------------------------------------------
Build finished at 2026-11-23T14:35:12Z

{RULE}
| Cleanup                                                                      |
{RULE}

Not cleaning session: cloned chroot in use

{RULE}
| Summary                                                                      |
{RULE}

Build Architecture: amd64
Build Type: binary
Build-Space: n/a
Build-Time: 1
Distribution: xenial
{fail_stage}Host Architecture: amd64
Install-Time: 6
Package: tiny
Source-Version: 1.0
Status: {status}
Version: 1.0
--------------------------------------------------------------------------------
Finished at 2026-11-23T14:35:12Z
Build needed 00:00:12, 52k disk space
"""


# Every pair that sbuild 0.85 can end with, by its own source, and what it means here.
ENDS: list[tuple[int, str, str, Verdict]] = [
    (0, "successful", "", Passed()),
    (0, "skipped", "arch-check",
     Failed("arch-check", "the source is not built on this architecture")),
    (1, "skipped", "arch-check",
     Failed("arch-check", "the source is not built on this architecture")),
    (2, "attempted", "build", Failed("build", "sbuild says attempted")),
    (2, "attempted", "arch-check", Failed("arch-check", "sbuild says attempted")),
    (3, "given-back", "install-deps", Failed("install-deps", "sbuild says given-back")),
    (3, "given-back", "fetch-src", Failed("fetch-src", "sbuild says given-back")),
    (3, "given-back", "unpack", Failed("unpack", "sbuild says given-back")),
    (3, "given-back", "check-space", Broken("sbuild stopped at the stage check-space")),
    (3, "given-back", "apt-get-update", Broken("sbuild stopped at the stage apt-get-update")),
    (1, "failed", "check-architecture", Failed("check-architecture", "sbuild says failed")),
    (1, "failed", "create-session", Broken("sbuild stopped at the stage create-session")),
    (1, "failed", "run-chroot-setup-commands",
     Broken("sbuild stopped at the stage run-chroot-setup-commands")),
    (1, "failed", "", Broken("sbuild stopped at the stage (none)")),
]  # fmt: skip


@pytest.mark.parametrize(("exit_code", "status", "stage", "verdict"), ENDS)
def test_the_exit_code_and_the_summary_give_the_verdict(
    exit_code: int, status: str, stage: str, verdict: Verdict
) -> None:
    assert judge(exit_code, read_summary(log(status, stage))) == verdict


@pytest.mark.parametrize("exit_code", [0, 1, 2, 3, 4, 127, -9, -15])
@pytest.mark.parametrize(
    "status", ["successful", "failed", "attempted", "given-back", "skipped", "building", ""]
)
def test_a_pair_that_does_not_belong_together_is_broken(exit_code: int, status: str) -> None:
    verdict = judge(exit_code, {"Status": status, "Fail-Stage": "build"} if status else {})

    if status in STATUSES.get(exit_code, frozenset()):
        assert not isinstance(verdict, Broken)
    else:
        assert isinstance(verdict, Broken)


def test_a_build_whose_time_was_over_failed_even_without_a_summary() -> None:
    assert judge(-9, {}, timed_out=True) == Failed(
        "timeout", "the build took longer than its time limit"
    )


def test_the_summary_is_sbuilds_own_and_not_one_that_the_build_printed() -> None:
    fake = log("successful")

    assert read_summary(log("attempted", "build", body=fake))["Status"] == "attempted"


def test_a_log_that_breaks_off_has_no_summary() -> None:
    text = log("successful")

    assert read_summary(text[: text.index("| Summary")]) == {}


def test_the_tail_is_what_the_build_printed_last() -> None:
    body = "\n".join(f"test {number} ... ok" for number in range(100)) + "\nFAILED (errors=1)"

    assert (
        tail(log("attempted", "build", body=body), lines=2) == "test 99 ... ok\nFAILED (errors=1)"
    )


def test_the_tail_of_a_build_that_never_began_is_what_came_before_the_cleanup() -> None:
    text = log("given-back", "install-deps").replace("Build finished at", "Never at")

    assert tail(text, lines=2).splitlines()[0] == "make: *** [debian/rules:5: build] Error 1"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FAILED (failures=1)\nmake: *** [x] Error 1\nE: Build failure", "FAILED (failures=1)"),
        ("make[1]: *** [x] Error 1\ndpkg-buildpackage: error", "make[1]: *** [x] Error 1"),
        (
            " sbuild-build-depends-main-dummy : Depends: x but it is not installable\n"
            "E: Unable to correct problems",
            "sbuild-build-depends-main-dummy : Depends: x but it is not installable",
        ),
        ("ImportError: No module named acme\nbye", "ImportError: No module named acme"),
        ("= 2 failed, 3 passed in 1s =\nmake: *** [x] Error 1", "= 2 failed, 3 passed in 1s ="),
        ("nothing that is known", "nothing that is known"),
        ("", "it printed nothing"),
    ],
)
def test_the_line_that_says_most_is_the_reason(text: str, line: str) -> None:
    assert reason(text) == line
