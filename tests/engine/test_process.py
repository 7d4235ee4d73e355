from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from backport.engine import process
from backport.engine.process import Runner
from backport.errors import MachineError
from tests.engine.test_programs import run_by
from tests.support.processes import eventually, running, started

ROOT = Path(__file__).parents[2]
LONG = "600"


def pid_in(path: Path) -> int:
    """The process number that a program writes, whole with its line end, to `path`."""
    eventually(f"{path} is written", lambda: path.is_file() and path.read_text().endswith("\n"))
    return int(path.read_text())


@pytest.fixture
def left_over() -> Iterator[list[int]]:
    """Processes of the test that may outlive the code under test; ended after the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if started(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("args", "stdin", "exit_code", "output"),
    [
        (["sh", "-c", "echo out; echo err >&2; exit 3"], None, 3, "out\nerr\n"),
        (["sh", "-c", "kill -9 $$"], None, -signal.SIGKILL, ""),
        (["printf", "%s", "a b; $HOME *"], None, 0, "a b; $HOME *"),  # no shell reads it
        (["cat"], "text\n", 0, "text\n"),
        (["cat"], None, 0, ""),
        (["true"], "x" * 1_000_000, 0, ""),
        (["head", "-c", "1000000", "/dev/zero"], None, 0, "\0" * 1_000_000),
        (["printf", r"a\377b"], None, 0, "a\ufffdb"),
    ],
)
def test_the_output_and_the_exit_code_come_back(
    args: list[str], stdin: str | None, exit_code: int, output: str
) -> None:
    done = process.run(args, input_text=stdin)
    assert (done.exit_code, done.output, done.timed_out) == (exit_code, output, False)
    assert done.args == tuple(args)


def test_log_folder_and_variables_are_those_given_and_the_umask_is_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "kept")
    log = tmp_path / "log"
    log.write_text("before\n")
    before = os.umask(0o077)
    try:
        script = "pwd; echo $KEPT $GIVEN >&2; umask"
        words = ["sh", "-c", script]
        logged = process.run(words, cwd=tmp_path, env={"GIVEN": "given"}, log=log)
        done = process.run(words, cwd=tmp_path, env={"GIVEN": "given"})
    finally:
        os.umask(before)
    lines = f"{tmp_path}\nkept given\n0022\n"
    assert (done.output, done.tail(2)) == (lines, "kept given\n0022")
    assert (logged.output, log.read_text()) == ("", f"before\n{lines}")


def test_what_cannot_be_run_is_a_sentence_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    none, advice = "no-such-program-here", "does not exist; run: backport doctor"
    for call, expected in (
        (lambda: process.run([none]), f"cannot run {none}: {none} {advice}"),
        (lambda: process.run(["true"], cwd=tmp_path / "gone"),
         f"cannot run true: {tmp_path / 'gone'} {advice}"),
        (lambda: process.run([tmp_path / "script"]),
         f"cannot run {tmp_path / 'script'}: permission denied"),
    ):  # fmt: skip
        with pytest.raises(MachineError) as caught:
            call()
        assert (str(caught.value), caught.value.exit_code) == (expected, 5)


TWO_GENERATIONS = """\
trap '' {parent}
(
  trap '' {child}
  sh -c 'echo $PPID' > "$1"
  echo begun
  sleep {long}
) &
wait
sleep {long}
"""


def run_too_long(args: list[str | Path], begun: Path, log: Path | None = None) -> process.Completed:
    """Run a program over its time limit: one that lets it come as far as writing `begun`."""
    for seconds in (0.4, 2.0, 10.0):
        done = process.run(args, log=log, timeout=seconds)
        if begun.is_file():
            return done
    pytest.fail("the program did not begin")


@pytest.mark.parametrize(
    ("ignored", "logged"),
    [(("HUP", "HUP"), True), (("HUP", "TERM"), False), (("TERM", "TERM"), True)],
)
def test_the_time_limit_ends_the_whole_group(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    left_over: list[int],
    ignored: tuple[str, str],
    logged: bool,
) -> None:
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.2)
    script = TWO_GENERATIONS.format(parent=ignored[0], child=ignored[1], long=LONG)
    log = tmp_path / "log" if logged else None
    done = run_too_long(["sh", "-c", script, "sh", tmp_path / "pid"], tmp_path / "pid", log)
    grandchild = pid_in(tmp_path / "pid")
    left_over.append(grandchild)
    assert done.timed_out
    assert done.exit_code in (-signal.SIGTERM, -signal.SIGKILL)
    assert (log.read_text() if log else done.output).startswith("begun\n")
    eventually("the grandchild is gone", lambda: not started(grandchild))


def test_a_program_that_left_the_group_and_holds_the_pipe_does_not_hold_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_over: list[int]
) -> None:
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.2)
    script = f'setsid sh -c \'echo $$ > "$1"; echo begun; exec sleep {LONG}\' sh "$1"'
    done = run_too_long(["sh", "-c", f"{script} & wait", "sh", tmp_path / "pid"], tmp_path / "pid")
    left_over.append(pid_in(tmp_path / "pid"))
    assert (done.timed_out, done.exit_code, done.output) == (True, -signal.SIGTERM, "begun\n")


def test_what_outlives_the_leader_of_its_group_is_ended(
    tmp_path: Path, left_over: list[int]
) -> None:
    words = ["sh", "-c", f"sleep {LONG} & echo $! >pid"]
    assert process.run(words, cwd=tmp_path, log=tmp_path / "log").exit_code == 0
    left_over.append(pid_in(tmp_path / "pid"))
    eventually("it is gone", lambda: not started(left_over[0]))


def test_a_runner_that_is_stopped_ends_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    script = f'echo $$ > "$1"; exec sleep {LONG}'
    ended: list[process.Completed] = []
    runner = Runner()
    worker = Thread(
        target=lambda: ended.append(run_by(runner, ["sh", "-c", script, "sh", tmp_path / "pid"]))
    )
    worker.start()
    pid_in(tmp_path / "pid")
    runner.stop()
    worker.join(20)
    assert [one.exit_code for one in ended] == [-signal.SIGTERM]
    with runner.used():
        after = process.run(["touch", tmp_path / "after"])
        assert (after.exit_code, after.output) == (-signal.SIGTERM, "stopped before it began")
        with process.taking_down():
            assert process.run(["touch", tmp_path / "removed"]).exit_code == 0
    assert not (tmp_path / "after").exists()
    assert [command.args[0] for command in runner.commands] == ["sh", "touch"]
    assert process.run(["true"]).exit_code == 0, "another runner goes on"


def test_a_running_program_is_noted_and_the_note_goes_with_it(tmp_path: Path) -> None:
    own = f"{tmp_path}/running/$$.json"
    script = f"until test -s {own}; do sleep 0.01; done; cat {own}; echo; echo $$"
    done = run_by(Runner(tmp_path / "running"), ["sh", "-c", script], timeout=20)
    said, pid = done.output.splitlines()
    assert json.loads(said)["pid"] == int(pid)
    assert json.loads(said)["args"][:2] == ["sh", "-c"]
    assert list((tmp_path / "running").iterdir()) == []
    assert run_by(Runner(tmp_path / "running"), ["sleep", LONG], timeout=0.1).timed_out
    assert list((tmp_path / "running").iterdir()) == []


SUDO = "#include <unistd.h>\nint main(int c, char **v) { return setuid(0) || execvp(v[2], v + 2); }"
# Python itself may be in a folder of root's.
READ = "-all,+dac_read_search"
BECOME = ("setpriv", "--reuid=nobody", "--clear-groups", f"--inh-caps={READ}",
          f"--ambient-caps={READ}")  # fmt: skip
AS_ROOT = """\
from backport.engine import process
done = process.run(process.as_root(["sleep", "987654"]), timeout=1)
print(done.timed_out, done.exit_code)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("gcc"), reason="root makes a sudo")
def test_the_time_limit_ends_what_an_ordinary_user_runs_as_root(left_over: list[int]) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:  # where others can walk to
        Path(place).chmod(0o755)
        sudo = Path(place, "sudo")
        subprocess.run(["gcc", "-x", "c", "-o", sudo, "-"], input=SUDO, text=True, check=True)
        sudo.chmod(0o4755)
        env = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}"}
        command = [*BECOME, sys.executable, "-c", AS_ROOT]
        user = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        eventually("it runs", lambda: running("sleep", "987654"))
        left_over += [user.pid, *running("sleep", "987654")]
        assert user.communicate(timeout=25)[0] == f"True {-signal.SIGTERM}\n"


RUNNER = """\
import sys
from pathlib import Path
from backport.engine import process
with process.Runner(Path(sys.argv[1])).used():
    process.run(["sh", "-c", 'sleep 600 & echo $! > "$0"; wait', sys.argv[2]])
"""


def test_a_later_run_ends_what_a_killed_run_left_and_one_in_a_copy_of_the_folder_nothing(
    tmp_path: Path, left_over: list[int]
) -> None:
    notes, file = tmp_path / "work/running", tmp_path / "pid"
    command = [sys.executable, "-c", RUNNER, str(notes), str(file)]
    with subprocess.Popen(command, cwd=ROOT) as live:
        grandchild = pid_in(file)
        eventually("the note is written", lambda: any(map(os.path.getsize, notes.glob("*"))))
        (left,) = notes.iterdir()
        leader = int(left.stem)
        left_over += [live.pid, leader, grandchild]
        subprocess.run(["cp", "-al", tmp_path / "work", tmp_path / "copy"], check=True)
        assert (tmp_path / "copy/running" / left.name).is_file()
        assert process.end_left(tmp_path / "copy/running") == []
        assert list((tmp_path / "copy/running").iterdir()) == []
        live.kill()
        assert live.wait() == -signal.SIGKILL
    assert started(leader)
    assert started(grandchild)
    # The very folder, under another name, is no copy.
    (tmp_path / "work").rename(tmp_path / "moved")
    ended = process.end_left(tmp_path / "moved/running")
    assert ended == [f'sh -c sleep {LONG} & echo $! > "$0"; wait {file}']
    eventually("both are gone", lambda: not started(leader) and not started(grandchild))
    assert list((tmp_path / "moved/running").iterdir()) == []


@pytest.mark.parametrize(
    ("later", "boot", "ended"), [(0, "", True), (1, "", False), (0, "another", False)]
)
def test_a_process_is_ended_only_if_number_start_and_boot_are_the_notes(
    tmp_path: Path, later: int, boot: str, ended: bool
) -> None:
    of = [tmp_path.stat().st_dev, tmp_path.stat().st_ino, boot or process.boot()]
    with subprocess.Popen(["sleep", LONG], start_new_session=True) as child:
        start = str(int(process.start_time(child.pid) or "") + later)
        note = {"pid": child.pid, "start": start, "args": ["sleep", LONG], "of": of}
        (tmp_path / f"{child.pid}.json").write_text(json.dumps(note))
        assert process.end_left(tmp_path) == ([f"sleep {LONG}"] if ended else [])
        assert list(tmp_path.iterdir()) == []
        if ended:
            assert child.wait(20) == -signal.SIGKILL
        else:
            assert child.poll() is None
            child.kill()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x", "start": null}'])
def test_a_note_that_cannot_be_read_is_put_away(tmp_path: Path, content: str) -> None:
    (tmp_path / "1.json").write_text(content)
    assert process.end_left(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
