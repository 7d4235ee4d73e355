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
    runner = Runner()
    run_by(
        runner, ["sh", "-c", "exit 3"], cwd=tmp_path, env={"NAME": "value"}, log=tmp_path / "log"
    )
    run_by(runner, ["cat"], input_text="a secret")
    run_by(runner, ["sleep", "60"], timeout=0.1)
    with pytest.raises(MachineError):
        run_by(runner, ["no-such-program-here"])
    first, second, third = runner.commands
    assert (first.args, first.exit_code) == (("sh", "-c", "exit 3"), 3)
    assert (first.cwd, first.env, first.log) == (str(tmp_path), {"NAME": "value"}, "log")
    assert (first.stdin, second.stdin) == (False, True)
    assert [one.timed_out for one in (first, second, third)] == [False, False, True]
    programs.write(runner.commands, tmp_path / programs.FILE)
    assert "a secret" not in (tmp_path / programs.FILE).read_text()


def test_each_runner_has_what_ran_in_its_context_and_in_the_threads_that_it_started() -> None:
    outer, inner = Runner(), Runner()
    with outer.used():
        with inner.used(), ThreadPoolExecutor(2) as pool:
            for word in ("one", "two"):
                pool.submit(copy_context().run, process.run, ["echo", word]).result()
        process.run(["false"])
    process.run(["true"])
    assert [command.args for command in inner.commands] == [("echo", "one"), ("echo", "two")]
    assert [command.args for command in outer.commands] == [("false",)]


def test_the_file_has_the_version_of_each_program_and_of_those_behind_it(tmp_path: Path) -> None:
    program = tmp_path / "own-program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = Runner()
    run_by(found, ["env", "--", "tar", "--version"])
    run_by(found, [program])
    programs.write(found.commands, tmp_path / programs.FILE)
    lines = [json.loads(line) for line in (tmp_path / programs.FILE).read_text().splitlines()]
    owners = {one["program"]: one["package"] for one in lines if "program" in one}
    assert owners == {"env": "coreutils", "tar": "tar", str(program): ""}
    assert all(one["version"] or not one["package"] for one in lines if "program" in one)
    assert [one["args"][0] for one in lines if "args" in one] == ["env", str(program)]
