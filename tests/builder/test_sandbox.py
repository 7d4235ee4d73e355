from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.builder.sandbox import command, script
from backport.builder.user import Builder, find_builder, read_range
from backport.engine.process import run
from backport.namespaces import Range


@pytest.fixture
def stage() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.rmdir()


def inside(builder: Builder, folder: Path, text: str) -> str:
    (folder / "script").write_text(text)
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
    words = ["sh", "-c", 'cat "$0/folder/file" "$0/single" && id -u && ls "$0"', str(stage)]

    shown = inside(builder, tmp_path, script(builder, stage, binds, words, after="echo ended\n"))

    assert shown == "content\ncontent\n0\nchroot\nfolder\nsingle\nended\n"
    assert list(stage.iterdir()) == []


def test_root_of_the_build_users_ids_is_somebody_without_rights_outside(
    tmp_path: Path, stage: Path
) -> None:
    builder = find_builder()
    mine = tmp_path / "mine"
    mine.write_text("content\n")
    mine.chmod(0o600)
    words = ["sh", "-c", 'cat "$0/mine" || echo refused', str(stage)]

    shown = inside(builder, tmp_path, script(builder, stage, {"mine": mine}, words))

    assert shown.endswith("Permission denied\nrefused\n")


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
