from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.builder.sandbox import command, stage_script, step_down
from backport.builder.user import Builder, find_builder, read_range
from backport.engine.process import run
from backport.namespaces import Range


@pytest.fixture
def stage() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.rmdir()


def inside(builder: Builder, folder: Path, script: str) -> str:
    (folder / "script").write_text(f"set -e\n{script}")
    done = run(command(builder, folder / "script"))
    assert done.exit_code == 0, done.output
    return done.output


def test_the_stage_shows_what_is_bound_and_vanishes_with_the_sandbox(
    tmp_path: Path, stage: Path
) -> None:
    builder = find_builder()
    source = tmp_path / "a folder"
    source.mkdir()
    (source / "file").write_text("content\n")
    binds = {"folder": source, "single": source / "file"}
    layout = stage_script(stage, binds, ["own"], builder, size="10%")

    shown = inside(
        builder,
        tmp_path,
        f"{layout}cat {stage}/folder/file {stage}/single\n"
        f"{step_down(builder)} sh -c 'touch {stage}/own/mark && id -u'\n",
    )

    assert shown == f"content\ncontent\n{builder.uid}\n"
    assert list(stage.iterdir()) == []


def test_the_build_user_has_no_more_rights_than_it_needs(tmp_path: Path) -> None:
    builder = find_builder()
    shown = inside(builder, tmp_path, f"{step_down(builder)} grep CapEff /proc/self/status\n")

    # setuid and setgid (capability.h: 7 and 6), and those in its own namespace alone.
    allowed = {0} if os.geteuid() == 0 else {0, 0xC0}
    assert int(shown.split()[1], 16) in allowed


@pytest.fixture
def subuid(tmp_path: Path) -> Path:
    file = tmp_path / "subuid"
    file.write_text("anna:100000:65536\n\n# a remark\nbroken:x:1\nbert:1000000:65536\n")
    return file


def test_the_range_of_a_user_is_read(subuid: Path) -> None:
    assert read_range(subuid, "bert") == Range(1000000, 1000000, 65536)


@pytest.mark.parametrize("name", ["carla", "broken", "# a remark", "bert:1000000"])
def test_a_user_without_a_whole_line_has_no_range(subuid: Path, name: str) -> None:
    assert read_range(subuid, name) is None
