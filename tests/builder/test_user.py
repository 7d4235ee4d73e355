from __future__ import annotations

from pathlib import Path

import pytest

from backport.builder.user import SubordinateIds, read_range


@pytest.fixture
def subuid(tmp_path: Path) -> Path:
    file = tmp_path / "subuid"
    file.write_text("anna:100000:65536\n\n# a remark\nbroken:x:1\nbert:1000000:65536\n")
    return file


def test_the_range_of_a_user_is_read(subuid: Path) -> None:
    assert read_range(subuid, "bert") == SubordinateIds(1000000, 65536)


@pytest.mark.parametrize("name", ["carla", "broken", "# a remark", "bert:1000000"])
def test_a_user_without_a_whole_line_has_no_range(subuid: Path, name: str) -> None:
    assert read_range(subuid, name) is None
