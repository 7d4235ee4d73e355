from __future__ import annotations

import json
from pathlib import Path

import pytest

from backport import cli
from backport.doctor import PROGRAMS, Missing, missing_programs, missing_room


def test_on_a_path_without_tools_each_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    work = ["--work", str(tmp_path / "work")]
    assert cli.main(["doctor", *work]) == 5
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("missing: ") for line in lines)
    (line,) = [line for line in lines if "the program autopkgtest" in line]
    assert line.endswith("; run: sudo apt install autopkgtest")
    assert len(lines) == len(set(lines))
    assert cli.main(["doctor", "--json", *work]) == 5
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["command"] for one in found] == [line.partition("; run: ")[2] for line in lines]


def test_a_program_that_is_nowhere_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    unheard = ("no-such-program-here", "no-such-package", "this test")
    monkeypatch.setattr("backport.doctor.PROGRAMS", (*PROGRAMS, unheard))
    assert list(missing_programs())[-1] == Missing(
        "the program no-such-program-here", "this test", "sudo apt install no-such-package"
    )


def test_too_little_room_is_said_of_the_folder_that_is_there(tmp_path: Path) -> None:
    (missing,) = missing_room(tmp_path / "a" / "b", gigabytes=1e9)
    assert str(tmp_path) in missing.what
    assert "backport clean" in missing.command
    assert list(missing_room(tmp_path, gigabytes=0.0)) == []
