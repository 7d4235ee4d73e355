from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from backport.errors import InputError
from backport.source.files import tree_hashes
from backport.source.tarball import DEFAULT_TIME, compression, make_tarball, unpack
from tests.support.source_builder import write_files


def a_tree(folder: Path) -> Path:
    write_files(folder, {"b.txt": "b\n", "a/script!": "#!/bin/sh\n", "a/c.txt": "c\n"})
    (folder / "link").symlink_to("a/c.txt")
    os.link(folder / "b.txt", folder / "same.txt")
    return folder


def test_equal_content_gives_equal_bytes_whenever_and_wherever(tmp_path: Path) -> None:
    one = make_tarball(a_tree(tmp_path / "one"), "pkg-1", tmp_path / "first.tar.gz")
    other = a_tree(tmp_path / "deep" / "other")
    for path in other.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1, 1))
            path.chmod(0o700 if path.is_dir() or path.name == "script" else 0o600)
    write_files(other, {"a/__pycache__/x.pyc": "x", ".git/HEAD": "y"})
    two = make_tarball(other, "pkg-1", tmp_path / "deep" / "second.tar.gz")
    assert one.read_bytes() == two.read_bytes()


def test_entries_are_sorted_and_belong_to_nobody(tmp_path: Path) -> None:
    made = make_tarball(a_tree(tmp_path / "tree"), "pkg-1", tmp_path / "x.tar.gz")
    with tarfile.open(made) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        "pkg-1",
        "pkg-1/a",
        "pkg-1/a/c.txt",
        "pkg-1/a/script",
        "pkg-1/b.txt",
        "pkg-1/link",
        "pkg-1/same.txt",
    ]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {
        (0, 0, "", "", DEFAULT_TIME)
    }
    assert [oct(m.mode) for m in members if m.isreg()] == ["0o644", "0o755", "0o644", "0o644"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside"])
def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    tree = a_tree(tmp_path / "tree")
    (tree / "bad").symlink_to(target)
    with pytest.raises(InputError, match="leaves the folder"):
        make_tarball(tree, "pkg-1", tmp_path / "x.tar.gz")
    assert not (tmp_path / "x.tar.gz").exists()


def test_a_pipe_cannot_be_packed(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    os.mkfifo(tree / "pipe")
    with pytest.raises(InputError, match="neither file"):
        make_tarball(tree, "pkg-1", tmp_path / "x.tar.gz")


def test_an_empty_folder_cannot_be_packed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(InputError, match="nothing in this folder"):
        make_tarball(tmp_path / "tree", "pkg-1", tmp_path / "x.tar.gz")


def test_what_was_packed_is_unpacked_without_its_top_folder(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    made = make_tarball(tree, "pkg-1", tmp_path / "x.tar.gz")
    assert tree_hashes(unpack(made, tmp_path / "out")) == tree_hashes(tree)


def test_a_cut_tarball_is_an_input_error(tmp_path: Path) -> None:
    made = make_tarball(a_tree(tmp_path / "tree"), "pkg-1", tmp_path / "x.tar.gz")
    made.write_bytes(made.read_bytes()[:60])
    with pytest.raises(InputError, match=r"x\.tar\.gz: tar cannot unpack it"):
        unpack(made, tmp_path / "out")


def test_a_zip_file_is_no_orig_tarball(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no tarball that a source package can have"):
        compression(tmp_path / "x.zip")
