from __future__ import annotations

from pathlib import Path

import pytest

from backport import atomic


def test_a_file_is_written_with_its_folders_its_line_ends_and_its_mode(tmp_path: Path) -> None:
    path = atomic.write(tmp_path / "a/b/file", "one\r\ntwo", mode=0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one\r\ntwo", 0o600)
    assert atomic.write(path, "new").read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    """This process's (proc(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (one for one in lines if one.startswith("Umask:"))
    return int(line.split()[1], 8)


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = atomic.write(tmp_path / "file", "old")
    with path.open() as reader:
        atomic.write(path, "newer")
        assert reader.read() == "old"
    atomic.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        atomic.write(path, "\ud800")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_link_moves_on(tmp_path: Path) -> None:
    link = tmp_path / "latest"
    for target in ("first", "second"):
        atomic.link(link, target)
        assert str(link.readlink()) == target
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]
