from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import library

barrier: Any = library("barrier")

# Succeeds only when as many as asked for run at the same time: each leaves a file and waits for
# the files of all.
MEET = 'touch "$1/$$"; n=0; while [ "$(ls "$1" | wc -l)" -lt "$2" ]; do sleep 0.02; done'


def shell(script: str, *arguments: object) -> list[str]:
    return ["sh", "-c", script, "sh", *map(str, arguments)]


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    directory = tmp_path / "outputs"
    directory.mkdir()
    return directory


def test_all_processes_run_at_the_same_time(outputs: Path, tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()

    results = barrier.run_together([shell(MEET, meeting, 8)] * 8, str(outputs), 60)

    assert [result.returncode for result in results] == [0] * 8


def test_one_after_the_other_they_do_not_meet(outputs: Path, tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()

    result = barrier.run_alone(shell(MEET, meeting, 2), str(outputs), 0.5)

    assert (result.timed_out, result.returncode) == (True, -9)


def test_nobody_starts_before_all_have_arrived(outputs: Path, tmp_path: Path) -> None:
    # The slow one needs half a second to reach the barrier: its setsid is a script.
    tools = tmp_path / "tools"
    tools.mkdir()
    slow = tools / "setsid"
    slow.write_text(
        '#!/bin/sh\nif mkdir "$(dirname "$0")/first" 2>/dev/null; then sleep 0.5; fi\n'
        'date +%s%N >>"$(dirname "$0")/arrived"\nexec /usr/bin/setsid "$@"\n'
    )
    slow.chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}

    results = barrier.run_together([shell("date +%s%N")] * 3, str(outputs), 60, environment)

    arrived = [int(line) for line in (tools / "arrived").read_text().split()]
    started = [int(result.stdout) for result in results]
    assert max(arrived) - min(arrived) > 400_000_000
    assert max(arrived) < min(started)


def test_outputs_and_exit_codes_are_kept_apart_and_in_order(outputs: Path) -> None:
    commands = [shell('echo "out $1"; echo "err $1" >&2; exit $1', code) for code in (0, 1, 7)]

    results = barrier.run_together([*commands, shell("kill -TERM $$")], str(outputs), 60)

    assert [result.returncode for result in results] == [0, 1, 7, -15]
    assert [result.stdout for result in results] == ["out 0\n", "out 1\n", "out 7\n", ""]
    assert [result.stderr for result in results] == ["err 0\n", "err 1\n", "err 7\n", ""]
    assert [result.command for result in results[:3]] == commands


def test_a_process_has_no_terminal_no_input_and_no_descriptor_of_ours(outputs: Path) -> None:
    script = 'readlink /proc/self/fd/0; ls /proc/$$/fd | tr "\\n" " "; (: </dev/tty) 2>&1; cat'

    result = barrier.run_alone(shell(script), str(outputs), 60)

    first, rest = result.stdout.split("\n", 1)
    assert first == "/dev/null"
    assert rest.startswith("0 1 2 ")
    assert "/dev/tty" in rest
    assert result.stderr == ""


def test_at_the_limit_a_process_and_its_children_are_killed(outputs: Path) -> None:
    script = "sleep 1000 & echo $!; wait"

    slow, quick = barrier.run_together([shell(script), shell("exit 3")], str(outputs), 1)

    assert (slow.timed_out, slow.returncode) == (True, -9)
    assert (quick.timed_out, quick.returncode) == (False, 3)
    child = Path("/proc") / slow.stdout.strip() / "stat"
    deadline = time.monotonic() + 30
    while child.exists() and ") Z " not in child.read_text():
        assert time.monotonic() < deadline, "the child outlived the limit"
        time.sleep(0.02)


def test_a_process_that_never_arrives_is_an_error_and_the_others_do_not_start(
    outputs: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    broken = tools / "setsid"
    broken.write_text(
        '#!/bin/sh\nmkdir "$(dirname "$0")/first" 2>/dev/null && exit 1\n'
        'exec /usr/bin/setsid "$@"\n'
    )
    broken.chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    commands = [shell('touch "$1"', tmp_path / "ran")] * 2

    with pytest.raises(barrier.BarrierError, match="before the barrier"):
        barrier.run_together(commands, str(outputs), 60, environment)

    assert not (tmp_path / "ran").exists()


def test_without_setsid_the_error_is_one_sentence(outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(barrier.BarrierError, match="setsid cannot be run"):
        barrier.run_alone(["true"], str(outputs), 60, {"PATH": str(tmp_path)})
