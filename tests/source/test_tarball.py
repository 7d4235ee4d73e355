from __future__ import annotations

from pathlib import Path

import pytest

from backport.errors import InputError
from backport.source.files import tree_hashes
from backport.source.tarball import compression, unpack
from tests.support.source_builder import make_tarball, write_files


def packed(root: Path) -> tuple[Path, Path]:
    """A folder, and the tarball of it."""
    tree = write_files(root / "tree", {"b.txt": "b\n", "a/script!": "#!/bin/sh\n"})
    (tree / "link").symlink_to("a/script")
    return tree, make_tarball(tree, "pkg-1", root / "x.tar.gz")


def test_what_was_packed_is_unpacked_without_its_top_folder(tmp_path: Path) -> None:
    tree, made = packed(tmp_path)
    assert tree_hashes(unpack(made, tmp_path / "out")) == tree_hashes(tree)


def test_a_cut_tarball_is_an_input_error(tmp_path: Path) -> None:
    _, made = packed(tmp_path)
    made.write_bytes(made.read_bytes()[:60])
    with pytest.raises(InputError, match=r"x\.tar\.gz: tar cannot unpack it"):
        unpack(made, tmp_path / "out")


def test_a_zip_file_is_no_orig_tarball(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no tarball that a source package can have"):
        compression(tmp_path / "x.zip")
