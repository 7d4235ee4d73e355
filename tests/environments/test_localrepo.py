from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from debian.deb822 import Deb822, Packages
from hypothesis import given, settings
from hypothesis import strategies as st

from backport.environments import localrepo
from backport.errors import InputError, StepError
from tests.environments.packages import EPOCH, Apt, make_deb, tree_hash

NAMES = st.lists(
    st.from_regex(r"[a-z][a-z0-9.+-]{1,8}", fullmatch=True), unique=True, min_size=1, max_size=4
)


def test_apt_installs_what_was_published(tmp_path: Path) -> None:
    debs = [make_deb(tmp_path, "one", Depends="two (>= 1.5)"), make_deb(tmp_path, "two", "1.6")]
    repository = localrepo.publish(debs, tmp_path / "repo", origin="here", epoch=EPOCH)
    apt = Apt(tmp_path / "apt", f"deb [trusted=yes] file:{repository.path} ./")
    planned = apt("apt-get", "install", "--simulate", "one")
    assert "Inst two (1.6 here" in planned
    assert "Inst one (1.0 here" in planned


def test_the_same_packages_give_the_same_bytes(tmp_path: Path) -> None:
    debs = [make_deb(tmp_path, name) for name in ("b", "a", "c")]
    first = localrepo.publish(debs, tmp_path / "first", origin="here", epoch=EPOCH)
    second = localrepo.publish(debs[::-1], tmp_path / "second", origin="here", epoch=EPOCH)
    assert tree_hash(first.folder) == tree_hash(second.folder)
    assert first.folder.name == second.folder.name


def test_publishing_the_same_again_writes_nothing(tmp_path: Path) -> None:
    debs = [make_deb(tmp_path, "a")]
    first = localrepo.publish(debs, tmp_path / "repo", origin="here", epoch=EPOCH)
    before = (first.folder / "Packages").stat()
    again = localrepo.publish(debs, tmp_path / "repo", origin="here", epoch=EPOCH)
    after = (again.folder / "Packages").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_what_a_reader_opened_stays_whole_when_the_repository_changes(tmp_path: Path) -> None:
    debs = [make_deb(tmp_path, "a", f"1.{number}") for number in range(3)]
    repository = localrepo.publish(debs[:1], tmp_path / "repo", origin="here", epoch=EPOCH)
    opened = repository.folder
    before = tree_hash(opened)
    localrepo.publish(debs, tmp_path / "repo", origin="here", epoch=EPOCH)
    assert tree_hash(opened) == before
    assert repository.folder != opened


def test_a_reader_never_sees_a_half_repository(tmp_path: Path) -> None:
    debs = [make_deb(tmp_path, "a", f"1.{number}") for number in range(4)]
    link = tmp_path / "repo"
    localrepo.publish(debs[:1], link, origin="here", epoch=EPOCH)
    stop = threading.Event()
    wrong: list[str] = []
    looks = 0

    def read() -> None:
        nonlocal looks
        while not stop.is_set():
            # A mount resolves the link once; so does this reader.
            folder = link.resolve()
            index = (folder / "Packages").read_bytes()
            release = (folder / "Release").read_text()
            names = [
                part["Filename"] for part in Packages.iter_paragraphs(index, use_apt_pkg=False)
            ]
            if hashlib.sha256(index).hexdigest() not in release:
                wrong.append("the index is not the one in Release")
            wrong.extend(name for name in names if not (folder / name).is_file())
            looks += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for count in (1, 2, 3, 4, 3, 2, 1, 4):
            localrepo.publish(debs[:count], link, origin="here", epoch=EPOCH)
    finally:
        stop.set()
        reader.join()
    assert wrong == []
    assert looks > 0


def test_old_states_go_in_the_end(tmp_path: Path) -> None:
    for number in range(8):
        deb = make_deb(tmp_path, "a", f"1.{number}")
        localrepo.publish([deb], tmp_path / "repo", origin="here", epoch=EPOCH)
    states = list((tmp_path / ".repo.states").iterdir())
    assert (tmp_path / "repo").resolve() in states
    assert len(states) == 4


def test_a_file_that_is_no_package_is_refused_and_the_repository_stays(tmp_path: Path) -> None:
    good = make_deb(tmp_path, "a")
    repository = localrepo.publish([good], tmp_path / "repo", origin="here", epoch=EPOCH)
    before = repository.folder
    bad = tmp_path / "bad_1.0_all.deb"
    bad.write_text("this is no package")
    with pytest.raises(InputError, match="1 of 2 packages"):
        localrepo.publish([good, bad], tmp_path / "repo", origin="here", epoch=EPOCH)
    assert repository.folder == before
    assert [path.name for path in (tmp_path / ".repo.states").iterdir()] == [before.name]


def test_two_packages_of_one_file_name_are_refused(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    debs = [make_deb(tmp_path / folder, "a") for folder in ("x", "y")]
    with pytest.raises(InputError, match=r"two packages have the file name a_1\.0_all\.deb"):
        localrepo.publish(debs, tmp_path / "repo", origin="here", epoch=EPOCH)
    assert not (tmp_path / "repo").exists()


def test_an_origin_that_a_pin_could_not_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a word"):
        localrepo.publish([], tmp_path / "repo", origin="Two words", epoch=EPOCH)


def test_an_empty_repository_can_be_read(tmp_path: Path) -> None:
    repository = localrepo.publish([], tmp_path / "repo", origin="here", epoch=EPOCH)
    apt = Apt(tmp_path / "apt", f"deb [trusted=yes] file:{repository.path} ./")
    assert apt("apt-cache", "pkgnames").strip() == ""


def test_a_package_is_the_same_bytes_whenever_it_is_built(tmp_path: Path) -> None:
    built = []
    for folder, mask in (("x", 0o600), ("y", 0o664)):
        tree = tmp_path / folder / "tree"
        tree.mkdir(parents=True)
        (tree / "file").write_text("content")
        (tree / "file").chmod(mask)
        (tree / "link").symlink_to("file")
        control = {
            "Package": "p",
            "Version": "1:2-3",
            "Architecture": "all",
            "Maintainer": "Nobody <nobody@example.org>",
            "Depends": "",
            "Description": "d",
        }
        built.append(localrepo.write_deb(tree, control, tmp_path / folder, epoch=EPOCH))
    assert built[0].name == "p_2-3_all.deb"
    assert built[0].read_bytes() == built[1].read_bytes()


def test_a_package_with_a_wrong_field_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"^p: dpkg-deb failed"):
        make_deb(tmp_path, "p", Depends="no, (relation")


@settings(max_examples=8)
@given(NAMES)
def test_every_package_is_listed_with_its_hash(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        home = Path(folder)
        debs = [make_deb(home, name) for name in names]
        repository = localrepo.publish(debs, home / "repo", origin="here", epoch=EPOCH)
        index = (repository.folder / "Packages").read_text()
        found = {
            part["Package"]: part["SHA256"]
            for part in Deb822.iter_paragraphs(index, use_apt_pkg=False)
        }
        assert found == {
            name: hashlib.sha256(deb.read_bytes()).hexdigest()
            for name, deb in zip(names, debs, strict=True)
        }
