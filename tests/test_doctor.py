from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from backport import cli, doctor
from backport.builder import sandbox
from backport.check.lintian import REVIEWED
from backport.doctor import PARTS, Missing, missing_memory, missing_room
from backport.errors import MachineError
from backport.system_packages import PROGRAMS, require
from backport.testbed import host


def test_on_a_path_without_tools_each_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    work = ["--work", str(tmp_path / "work")]
    assert cli.main(["doctor", *work]) == 5
    *lines, verdict = capsys.readouterr().out.splitlines()
    assert all(line.startswith("missing: ") for line in lines)
    (line,) = [line for line in lines if "the program autopkgtest" in line]
    assert line.endswith("; run: sudo apt install autopkgtest")
    assert len(lines) == len(set(lines))
    assert verdict == (
        "What works here: nothing. What does not: source packages, builds, checks, tests, "
        "evidence, uploads."
    )
    assert cli.main(["doctor", "--json", *work]) == 5
    *missing, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["command"] for one in missing] == [line.partition("; run: ")[2] for line in lines]
    assert last == {"verdict": verdict}


def test_another_lintian_than_the_reviewed_one_is_noted_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    lintian = tmp_path / "lintian"
    ends = []
    for version in (f"{REVIEWED}+deb12u1", "2.999.1ubuntu3"):
        lintian.write_text(f"#!/bin/sh\necho Lintian v{version}\n")
        lintian.chmod(0o755)
        code = cli.main(["doctor", "--work", str(tmp_path)])
        notes = [line for line in capsys.readouterr().out.splitlines() if "note: " in line]
        ends.append((code, notes))
    note = f"note: lintian is 2.999.1; an error that {REVIEWED} does not have is a note"
    assert ends == [(ends[0][0], []), (ends[0][0], [note])]


def test_each_program_that_the_toolkit_asks_for_is_in_the_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = [path.read_text() for path in Path(doctor.__file__).parent.rglob("*.py")]
    asked = set(re.findall(r'\brequire\("([\w-]+)"\)', "".join(code)))
    listed = {program for program, *_ in PROGRAMS}
    # Two have the name of their package: only an ordinary user needs sudo, and dput-ng has a dput.
    assert asked - listed == {"sudo", "dput"}
    assert {*sandbox._PROGRAMS, *host._PROGRAMS} <= listed
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MachineError, match="sftp is not installed; run: sudo apt install openssh-"):
        require("sftp")


def test_too_little_room_and_memory_are_said(tmp_path: Path) -> None:
    (missing,) = missing_room(tmp_path / "a" / "b", gigabytes=1e9)
    assert str(tmp_path) in missing.what
    (missing,) = missing_memory(gigabytes=1e9)
    assert missing.what.startswith("memory: ")
    assert [*missing_room(tmp_path, gigabytes=0.0), *missing_memory(gigabytes=0.0)] == []


@pytest.mark.parametrize(
    ("lacking", "broken"),
    [
        ("source packages", list(PARTS)),
        ("builds: a cold run needs 6 GB", ["builds", "checks", "tests", "evidence"]),
        ("checks", ["checks", "evidence"]),
        ("tests", ["tests", "evidence"]),
        ("uploads", ["uploads"]),
    ],
)
def test_the_last_line_says_what_does_not_work_without_a_part(
    lacking: str, broken: list[str]
) -> None:
    told = doctor.verdict([Missing("something", lacking, "install it")])
    assert told.partition("What does not: ")[2] == f"{', '.join(broken)}."
