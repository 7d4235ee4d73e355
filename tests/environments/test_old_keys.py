"""An archive whose key bears a signature with SHA1, read by the apt of today and of yesterday."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backport.environments.base import Dependencies
from backport.environments.mirror import collect
from backport.environments.ubuntu import Ubuntu
from backport.errors import InputError, StepError
from tests.environments.debian13 import apt_programs
from tests.environments.packages import add_key, export, fingerprint, make_key
from tests.environments.ubuntu_archive import SERIES, UbuntuArchive, seen_at, suites_at

SHA1 = ("--cert-digest-algo", "SHA1", "--allow-weak-digest-algos")
REFUSED = "the archive's signature does not verify"


class OldArchive:
    """An archive that is signed with such a key, in a folder that Debian 13's apt sees."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.uri = folder, ""
        self.ring = make_key(folder / "home", *SHA1)
        self.key = fingerprint(folder / "home")
        self.archive = UbuntuArchive(folder / "archive", folder / "home")
        self.archive.make_system()
        self.archive.make("tool")
        self.archive.sign()

    def read(self, *taken: str, pockets: tuple[str, ...] = ("",)) -> tuple[str, ...]:
        """Read it, while the keys of these fingerprints are taken; the record's notes."""
        found = collect(
            suites_at(self.uri, self.ring, *pockets),
            {"wanted": ["tool"]},
            self.folder / "pool",
            architecture="amd64",
            cache=self.folder / "cache",
            take_keys=taken,
        )
        assert [path.name for path in found.groups["wanted"]] == ["tool_1.0_all.deb"]
        return found.notes


@pytest.fixture
def old() -> Iterator[OldArchive]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        old = OldArchive(Path(folder))
        with old.archive.served() as old.uri:
            yield old


@pytest.fixture
def apt_3(old: OldArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{apt_programs(old.folder / 'bin')}:{os.environ['PATH']}")


@pytest.mark.usefixtures("apt_3")
def test_apt_3_takes_the_named_key_alone_and_the_record_keeps_that(old: OldArchive) -> None:
    with pytest.raises(InputError, match=f"SHA1 is not considered secure.*{REFUSED}") as caught:
        old.read("0" * 40)
    assert old.key in str(caught.value)

    (note,) = old.read(old.key, "0" * 40)

    assert note.startswith(f"apt took the archive's key {old.key}, and no other, ")
    # What was found is kept, and then no archive is asked.
    assert old.read() == (note,)


def sign_with_sha1(old: OldArchive) -> None:
    old.archive.sign("--digest-algo", "SHA1", "--allow-weak-digest-algos")


def change(old: OldArchive) -> None:
    release = old.archive.folder / f"dists/{SERIES}/InRelease"
    release.write_bytes(release.read_bytes().replace(b"Label: Ubuntu", b"Label: Umbutu"))


def sign_a_pocket_with_another_key_of_the_keyring(old: OldArchive) -> None:
    add_key(old.folder / "home", "other@example.org", *SHA1)
    export(old.folder / "home")
    release = old.archive.folder / f"dists/{SERIES}"
    shutil.copytree(release, old.folder / "kept")
    old.archive.sign("--local-user", "other@example.org")
    shutil.rmtree(release)
    (old.folder / "kept").rename(release)


@pytest.mark.usefixtures("apt_3")
@pytest.mark.parametrize(
    "damage", [sign_with_sha1, change, sign_a_pocket_with_another_key_of_the_keyring]
)
def test_where_the_named_key_is_taken_all_else_is_refused_as_before(
    old: OldArchive, damage: Callable[[OldArchive], None]
) -> None:
    damage(old)
    with pytest.raises(InputError, match=REFUSED):
        old.read(old.key, pockets=("", "-security"))


@pytest.mark.usefixtures("apt_3")
def test_the_base_of_a_series_takes_its_archives_old_keys(old: OldArchive) -> None:
    base = Ubuntu(old.ring, old_keys=[old.key])
    # The signature holds, and then no system comes of these empty packages.
    with pytest.raises(StepError, match="mmdebstrap"):
        base.prepare(seen_at(old.uri), Dependencies(), old.folder / "bases", old.folder / "cache")


@pytest.mark.skipif(
    Path("/usr/lib/apt/methods/sqv").exists(), reason="this machine's apt checks by sqv"
)
def test_an_apt_that_checks_by_gpgv_needs_no_exception(old: OldArchive) -> None:
    assert old.read() == ()
