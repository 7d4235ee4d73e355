from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from backport.errors import InputError
from backport.source.files import open_regular, tree_hashes
from tests.source.packages import make_update, unpacked
from tests.support.source_builder import PackageSpec, build_dsc, make_recipe


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises((InputError, IsADirectoryError)):
            open_regular(path)


def test_a_pipe_in_upstreams_tarball_holds_nobody(tmp_path: Path) -> None:
    spec = PackageSpec()
    dsc = build_dsc(spec, tmp_path / "archive")
    orig = dsc.parent / "small_1.0.orig.tar.gz"
    before = orig.read_bytes()
    with tarfile.open(orig) as tarball:
        tarball.extractall(tmp_path / "tree", filter="data")
    os.mkfifo(tmp_path / "tree/small-1.0/pipe")
    with tarfile.open(orig, "w:gz") as tarball:
        tarball.add(tmp_path / "tree/small-1.0", "small-1.0")
    text = dsc.read_text()
    for name in ("md5", "sha1", "sha256"):
        old, new = (hashlib.new(name, data).hexdigest() for data in (before, orig.read_bytes()))
        text = text.replace(f"{old} {len(before)}", f"{new} {orig.stat().st_size}")
    dsc.write_text(text)
    made = make_update(tmp_path, make_recipe(tmp_path, spec), dsc)
    tree = unpacked(made, tmp_path / "unpacked")
    assert tree_hashes(tree)["pipe"] == "a pipe, socket or device"
