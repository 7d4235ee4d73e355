from __future__ import annotations

from pathlib import Path

import pytest
from debian.deb822 import Packages

from backport.environments import localrepo
from backport.errors import InputError, StepError
from backport.source.files import sha256_of, tree_hashes
from tests.build.packages import make_deb

CONTROL = {
    "Package": "p",
    "Version": "1:2-3",
    "Architecture": "all",
    "Maintainer": "Nobody <nobody@example.org>",
    "Depends": "",
    "Description": "d",
}


def test_a_repository_is_named_by_its_content_and_written_once(tmp_path: Path) -> None:
    debs = [make_deb(tmp_path, name) for name in ("b", "a", "c")]
    first = localrepo.publish(debs, tmp_path / "first")
    second = localrepo.publish(debs[::-1], tmp_path / "second")
    assert tree_hashes(first) == tree_hashes(second)
    assert first.name.partition("-")[2] == second.name.partition("-")[2]
    listed = Packages.iter_paragraphs((first / "Packages").read_text(), use_apt_pkg=False)
    hashes = {part["Filename"]: part["SHA256"] for part in listed}
    assert hashes == {f"./{path.name}": sha256_of(path) for path in debs}
    other = localrepo.publish(debs[:2], tmp_path / "first")
    assert other != first
    assert tree_hashes(first) == tree_hashes(second)
    before = (first / "Packages").stat()
    assert localrepo.publish(debs, tmp_path / "first") == first
    assert (first / "Packages").stat() == before
    assert list(tmp_path.glob(".new-*")) == []


def test_a_file_that_is_no_package_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    bad = tmp_path / "bad_1.0_all.deb"
    bad.write_text("this is no package")
    with pytest.raises(InputError, match="1 of 2 packages"):
        localrepo.publish([make_deb(tmp_path, "a"), bad], tmp_path / "out/repo")
    assert list((tmp_path / "out").iterdir()) == []


def test_two_packages_of_one_file_name_are_refused(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    debs = [make_deb(tmp_path / folder, "a") for folder in ("x", "y")]
    with pytest.raises(InputError, match=r"two packages have the file name a_1\.0_all\.deb"):
        localrepo.publish(debs, tmp_path / "repo")


def test_a_package_is_the_same_bytes_whenever_it_is_built(tmp_path: Path) -> None:
    built = []
    for folder, mask in (("x", 0o600), ("y", 0o664)):
        tree = tmp_path / folder / "tree"
        tree.mkdir(parents=True)
        (tree / "file").write_text("content")
        (tree / "file").chmod(mask)
        (tree / "link").symlink_to("file")
        built.append(localrepo.write_deb(tree, CONTROL, tmp_path / folder, epoch=0))
    assert built[0].name == "p_2-3_all.deb"
    assert built[0].read_bytes() == built[1].read_bytes()


def test_a_package_with_a_wrong_field_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"^p: dpkg-deb failed"):
        localrepo.write_deb(tmp_path, CONTROL | {"Depends": "no, (relation"}, tmp_path, epoch=0)
