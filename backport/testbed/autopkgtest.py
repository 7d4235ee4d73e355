"""Runs of autopkgtest in a testbed's clones, against local repositories only."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from backport import atomic
from backport.engine import owner
from backport.engine.process import Completed
from backport.engine.process import run as run_program
from backport.environments import chroot
from backport.errors import InputError, UsageError
from backport.source.dep8 import named_tests
from backport.source.text import read_text
from backport.system_packages import require
from backport.testbed import matrix
from backport.testbed.lxc import Testbed
from backport.testbed.result import TestResult, judge, read_summary
from backport.testbed.setup import PLACE, write_testbed_setup

_SCRATCH = ".test-"
_SHORT_SECONDS = 120
_COPY_SECONDS = 120
_INSTALL_SECONDS = 900


def run(
    tests: Path,
    *,
    testbed: Testbed,
    out: Path,
    only: Sequence[str] = (),
    timeout: float = 900,
    env: Mapping[str, str] | None = None,
    library: Sequence[Path] = (),
    beside: Path | None = None,
) -> TestResult:
    """Run tests in a clone of the testbed.

    Parameters:
        tests: a .dsc, or a folder with tests and ``control``.
        testbed: a testbed that was entered; the packages of all its repositories but the last are
            pinned above the base.
        out: the folder of the results; it appears with one rename, in place of an older one.
        only: names of tests; without any, all of them.
        timeout: seconds for one test.
        env: variables for the tests.
        library: for a folder, where the files of its library are, as `dep8.copy_tests` has it.
        beside: a folder of shipped tests, put beside the tests of a folder under its own name
            where it is there: a negative control can run them.

    Raises:
        InputError: the tests are not what they have to be. UsageError: `only` names a test that
        is not there. MachineError: a program or right is missing.
    """
    require("autopkgtest")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=out.parent))
    try:
        source, number = _source(tests, scratch, only, library, beside)
        limit = number * (timeout + _INSTALL_SECONDS) + 2 * _SHORT_SECONDS
        # What autopkgtest writes there has the same path in the testbed, where tests may put
        # sockets: 107 bytes at most (unix(7)). So it is not below the work folder.
        with owner.temporary(_SCRATCH) as own:
            # Nor is this: --copy ends the path at a colon.
            write_testbed_setup(own / "setup", testbed.repositories)
            given = [f"--copy={own / 'setup'}:{PLACE}", f"--output-dir={scratch / 'result'}"]
            words = _command(source, given, testbed, only=only, timeout=timeout, env=env or {})
            try:
                # sudo, which may stand before it, keeps no variable.
                # A shell's background job ignores SIGINT; a test is not to inherit that.
                command = testbed.starting(["env", "--default-signal=INT", f"TMPDIR={own}", *words])
                completed = run_program(command, log=scratch / "console", timeout=limit)
            finally:
                chroot.remove(own)  # of autopkgtest's files, some are root's
        result = _read(completed, scratch / "result", only, scratch / "console")
        atomic.swap(scratch / "result", out, scratch / "older")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return result


def _source(
    tests: Path, scratch: Path, only: Sequence[str], library: Sequence[Path], beside: Path | None
) -> tuple[Path, int]:
    """What autopkgtest is given, and how many tests of it are run (at most)."""
    if tests.is_file() and tests.suffix == ".dsc":
        return tests, len(only) or 10
    control = tests / "control"
    if not control.is_file():
        raise InputError("no tests: neither a .dsc, nor a folder with control", where=str(tests))
    names = named_tests(read_text(control))
    if unknown := [name for name in only if name not in names]:
        raise UsageError(
            f"there is no test {unknown[0]}", where=str(control),
            advice=f"choose from: {', '.join(names)}",
        )  # fmt: skip
    tree = matrix.wrap(tests, scratch / "tree", library=library, beside=beside)
    return tree, len(only) or len(names)


def _command(
    source: Path,
    given: Sequence[str],
    testbed: Testbed,
    *,
    only: Sequence[str],
    timeout: float,
    env: Mapping[str, str],
) -> list[str]:
    sudo = [] if os.geteuid() == 0 else ["--sudo"]
    # When the toolkit dies, autopkgtest is told so, and takes its clone down (setpriv(1)). The
    # clones' names are autopkgtest's: one that is used again clashes with its own removal.
    return [
        require("setpriv"), "--pdeathsig", "TERM", "--",
        "autopkgtest",
        "--no-built-binaries",
        "--no-auto-control",
        # A testbed has no network at all.
        "--needs-internet=skip",
        *given,
        "--setup-commands", f"sh {PLACE}/prepare",
        "--timeout-short", str(_SHORT_SECONDS),
        "--timeout-copy", str(_COPY_SECONDS),
        "--timeout-install", str(_INSTALL_SECONDS),
        "--timeout-test", str(max(1, round(timeout))),
        *(word for name in only for word in ("--test-name", name)),
        *(word for key, value in env.items() for word in ("--env", f"{key}={value}")),
        str(source if source.suffix == ".dsc" else f"{source}/"),
        "--", "lxc", "--ephemeral", *sudo, testbed.name, *testbed.copy_options(),
    ]  # fmt: skip


def _read(completed: Completed, folder: Path, only: Sequence[str], console: Path) -> TestResult:
    """Read what autopkgtest left in its output folder."""
    folder.mkdir(exist_ok=True)
    if not (folder / "log").is_file():
        shutil.copyfile(console, folder / "log")
    log = (folder / "log").read_text(encoding="utf-8", errors="replace")
    tests = tuple(
        test
        for test in read_summary(_text(folder / "summary"))
        # autopkgtest lists a test that this testbed cannot run though nobody asked for it.
        if not only or test.name in only
    )
    share_artifacts(folder / "artifacts", [test.name for test in tests])
    verdict = judge(
        completed.exit_code,
        tests,
        wanted=only,
        timed_out=completed.timed_out,
        last_words=_last_words(log),
    )
    return TestResult(verdict, tests)


def share_artifacts(folder: Path, tests: Sequence[str]) -> None:
    """Let tests have one folder of artifacts, as with autopkgtest 5; 6 gives each its own."""
    for name in tests:
        if (folder / name).is_dir():
            own = (folder / name).rename(folder / f".{name}")  # it may have an entry of its name
            for path in own.iterdir():
                path.replace(folder / path.name)
            own.rmdir()


def _last_words(log: str) -> str:
    """The last line in which autopkgtest itself reports an error."""
    for line in reversed(log.splitlines()):
        head, separator, rest = line.partition("]: ERROR: ")
        if separator and head.startswith("autopkgtest ["):
            return rest.strip()
    return ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
