from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from backport.builder import user
from backport.builder.user import SubordinateIds, find_builder, free_range, read_range
from backport.engine.process import Runner
from backport.errors import MachineError


@pytest.fixture
def subuid(tmp_path: Path) -> Path:
    file = tmp_path / "subuid"
    file.write_text("anna:100000:65536\n\n# a remark\nbroken:x:1\nbert:1000000:65536\n")
    return file


def test_the_range_of_a_user_is_read(subuid: Path) -> None:
    assert read_range(subuid, "bert") == SubordinateIds(1000000, 65536)


@pytest.mark.parametrize("name", ["carla", "broken", "# a remark"])
def test_a_user_without_a_whole_line_has_no_range(subuid: Path, name: str) -> None:
    assert read_range(subuid, name) is None


def test_a_missing_file_gives_no_range(tmp_path: Path) -> None:
    assert read_range(tmp_path / "absent", "anna") is None


def test_a_free_range_begins_above_all_that_are_given(subuid: Path, tmp_path: Path) -> None:
    subgid = tmp_path / "subgid"
    subgid.write_text("anna:3000000:10\n")

    assert free_range(subuid, subgid) == SubordinateIds(3000010, 65536)
    assert free_range(tmp_path / "absent") == SubordinateIds(1000000, 65536)


def test_builds_never_run_as_root_on_this_machine() -> None:
    builder = find_builder()

    assert builder.uid != 0
    assert builder.switch == (os.geteuid() == 0)
    assert builder.subuids.count >= 65536


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the build user")
def test_it_is_waited_for_another_run_that_makes_the_build_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user, "_LOCK", tmp_path / "lock")
    runner = Runner()
    runner.stop()
    with (tmp_path / "lock").open("w") as other, runner.used():
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(MachineError, match="ended while another run"):
            find_builder()
