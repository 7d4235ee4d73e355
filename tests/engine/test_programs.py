from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from backport.engine import process, programs
from backport.engine.process import Completed, Runner
from backport.errors import MachineError


def run_by(runner: Runner, args: Sequence[str | Path], **options: Any) -> Completed:
    """Run a program by a runner of the test's own."""
    with runner.used():
        return process.run(args, **options)


def test_a_program_is_noted_with_its_arguments_and_its_end(tmp_path: Path) -> None:
    found = Runner()
    run_by(found, ["sh", "-c", "exit 3"], cwd=tmp_path, env={"NAME": "value"}, log=tmp_path / "log")
    run_by(found, ["cat"], input_text="a secret")
    first, second = found.commands
    assert (first.args, first.exit_code) == (("sh", "-c", "exit 3"), 3)
    assert (first.cwd, first.env, first.log) == (str(tmp_path), {"NAME": "value"}, "log")
    assert (first.stdin, second.stdin) == (False, True)
    programs.write(found.commands, tmp_path / programs.FILE)
    assert "a secret" not in (tmp_path / programs.FILE).read_text()


def test_a_program_that_ran_too_long_is_noted_as_such() -> None:
    found = Runner()
    run_by(found, ["sleep", "60"], timeout=0.1)
    assert found.commands[0].timed_out


def test_nothing_is_noted_outside_and_two_runners_do_not_mix() -> None:
    outer, inner = Runner(), Runner()
    with outer.used():
        with inner.used():
            process.run(["true"])
        process.run(["false"])
    process.run(["true"])
    assert [command.args for command in inner.commands] == [("true",)]
    assert [command.args for command in outer.commands] == [("false",)]


def test_threads_use_the_runner_that_they_were_started_with() -> None:
    def job(word: str) -> None:
        process.run(["echo", word])

    found = Runner()
    with found.used(), ThreadPoolExecutor(2) as pool:
        for word in ("one", "two"):
            pool.submit(copy_context().run, job, word).result()
    assert {command.args[1] for command in found.commands} == {"one", "two"}


def test_the_file_has_the_version_of_each_program_and_of_those_behind_it(tmp_path: Path) -> None:
    found = Runner()
    run_by(found, ["env", "--", "tar", "--version"])
    programs.write(found.commands, tmp_path / programs.FILE)
    lines = [json.loads(line) for line in (tmp_path / programs.FILE).read_text().splitlines()]
    owners = {one["program"]: one["package"] for one in lines if "program" in one}
    assert owners == {"env": "coreutils", "tar": "tar"}
    assert all(one["version"] for one in lines if "program" in one)
    assert [one["args"] for one in lines if "args" in one] == [["env", "--", "tar", "--version"]]


def test_a_program_of_no_package_is_told_without_a_version(tmp_path: Path) -> None:
    program = tmp_path / "own-program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = Runner()
    run_by(found, [program])
    (told,) = programs.programs(found.commands)
    assert (told.path, told.package, told.version) == (str(program), "", "")


def test_a_program_that_is_not_there_is_no_command() -> None:
    found = Runner()
    with pytest.raises(MachineError):
        run_by(found, ["no-such-program-here"])
    assert found.commands == []
