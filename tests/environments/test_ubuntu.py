from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from backport.environments.base import Dependencies
from backport.environments.ubuntu import KEYRING, KEYRING_VARIABLE, Ubuntu
from backport.errors import (
    BackportError,
    HashMismatchError,
    InputError,
    MachineError,
    RecipeError,
    RemoteError,
    StepError,
)
from backport.recipe.model import Published, Series
from tests.environments.packages import add_key, make_key, one_sentence
from tests.environments.ubuntu_archive import SERIES, UbuntuArchive, seen_at


@pytest.fixture
def small(archive: UbuntuArchive) -> UbuntuArchive:
    """An archive of small packages: all that is asked for is there, and no chroot comes of it."""
    archive.make_system()
    archive.make("tool", "1.0", component="universe", Depends="libtool-data")
    archive.make("libtool-data", "1.0")
    archive.make("libtool-data", "1.1", pocket="-updates")
    archive.make("libtool-data", "1.0.1", pocket="-security")
    archive.make("fixed", pocket="-security", component="universe")
    archive.sign()
    return archive


def prepare(series: Series, ring: Path, out: Path, *relations: str) -> BackportError:
    """The error that preparing a base ends with; of these packages no chroot can be made."""
    wanted = Dependencies(relations)
    with pytest.raises(BackportError) as caught:
        Ubuntu(ring).prepare(series, wanted, out / "bases", out / "cache")
    assert one_sentence(caught.value)
    home = out / "bases/ubuntu" / SERIES
    left = {path.name for path in home.iterdir()} if home.exists() else set()
    assert not {name for name in left if name.startswith((".new-", "chroot", "testbed", "base"))}
    return caught.value


def was_collected(out: Path) -> set[str]:
    """The packages that came to the cache."""
    return {path.name for path in (out / "cache/sha256").glob("*/*")}


def test_a_past_date_and_a_key_that_is_not_in_the_keyring_are_no_fault(
    tmp_path: Path, small: UbuntuArchive, key_home: Path, ring: Path
) -> None:
    # As xenial's: signed with a key that keyrings no longer have, and with one that they have.
    shutil.copytree(key_home, tmp_path / "both", ignore=shutil.ignore_patterns("S.*"))
    add_key(tmp_path / "both", "old@example.org")
    both = UbuntuArchive(small.folder, tmp_path / "both")
    both.sign("--local-user", "old@example.org", "--local-user", "archive@example.org")
    # An armored keyring, whose path has a blank, serves as well.
    armored = tmp_path / "my ring.asc"
    command = ["gpg", "--homedir", str(key_home), "--batch", "--armor", "--export"]
    armored.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    for place, keyring in ((tmp_path / "binary", ring), (tmp_path / "armored", armored)):
        with both.served() as uri:
            error = prepare(seen_at(uri), keyring, place, "tool", "fixed")
        assert isinstance(error, StepError)
        assert "mmdebstrap" in str(error)
        # Every pocket and component was read, and the highest version taken.
        assert was_collected(place) >= {
            "fixed_1.0_all.deb",
            "libnss-myhostname_1.0_all.deb",
            "libtool-data_1.1_all.deb",
            "tool_1.0_all.deb",
        }
        assert "libtool-data_1.0_all.deb" not in was_collected(place)


def with_another_key(_: UbuntuArchive, folder: Path) -> Path:
    return make_key(folder / "other")


def signed_with_sha1(archive: UbuntuArchive, _: Path) -> None:
    archive.sign("--digest-algo", "SHA1", "--allow-weak-digest-algos")


def with_a_changed_index(archive: UbuntuArchive, _: Path) -> None:
    index = archive.folder / f"dists/{SERIES}-updates/main/binary-amd64/Packages.gz"
    data = bytearray(index.read_bytes())
    data[len(data) // 2] ^= 1
    index.write_bytes(data)


def without_the_series(archive: UbuntuArchive, _: Path) -> None:
    (archive.folder / "dists").rename(archive.folder / "others")


SIGNATURE = (InputError, "signature does not verify")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (with_another_key, SIGNATURE),
        (signed_with_sha1, SIGNATURE),
        (with_a_changed_index, (HashMismatchError, "try again later, or use another mirror")),
        (without_the_series, (RemoteError, "Release' does not have a Release file")),
    ],
)
def test_what_is_not_verified_or_not_there_is_refused(
    tmp_path: Path,
    small: UbuntuArchive,
    ring: Path,
    change: Callable[[UbuntuArchive, Path], Path | None],
    error: tuple[type[BackportError], str],
) -> None:
    kind, said = error
    keyring = change(small, tmp_path) or ring
    with small.served() as uri:
        caught = prepare(seen_at(uri), keyring, tmp_path, "tool (>= 2.0)")
    assert isinstance(caught, kind)
    assert said in str(caught)
    assert uri in str(caught)
    assert not (tmp_path / "cache/sha256").exists()
    assert not list(tmp_path.rglob("pool-*"))


def test_a_broken_connection_is_a_remote_error_and_the_rest_stays_in_the_cache(
    tmp_path: Path, small: UbuntuArchive, ring: Path
) -> None:
    with small.served(cut="tool_1.0") as uri:
        error = prepare(seen_at(uri), ring, tmp_path, "tool")
    assert isinstance(error, RemoteError)
    came = was_collected(tmp_path)
    assert "libtool-data_1.1_all.deb" in came
    assert "tool_1.0_all.deb" not in came
    assert not list((tmp_path / "cache/part").iterdir())
    # The archive is gone by then.
    assert isinstance(prepare(seen_at(uri), ring, tmp_path, "tool"), RemoteError)
    with small.served() as uri:
        assert isinstance(prepare(seen_at(uri), ring, tmp_path, "tool"), StepError)
    assert "tool_1.0_all.deb" in was_collected(tmp_path)


def manifest(out: Path) -> dict[str, object]:
    """What was found in the archive, by groups, and the notes of that."""
    (found,) = (out / "bases/ubuntu" / SERIES).glob("pool-*.json")
    data = json.loads(found.read_text())
    groups = {name: [deb["apt_name"] for deb in debs] for name, debs in data["groups"].items()}
    return {**groups, "notes": data["notes"]}


def prepare_older(small: UbuntuArchive, ring: Path, out: Path, as_of: date | None) -> None:
    """Ask for the older packages of an update of own, gone and new."""
    archive = {"own-source": Published("1.0"), "gone": Published("0.9"), "new": Published("")}
    wanted = Dependencies(own=frozenset({"own", "own-doc", "gone", "new"}))
    with small.served() as uri, pytest.raises(StepError, match="mmdebstrap"):
        series = replace(seen_at(uri), archive=archive)
        base = Ubuntu(ring, as_of=as_of)
        base.prepare(series, wanted, out / "bases", out / "cache")


@pytest.fixture
def updated(small: UbuntuArchive) -> UbuntuArchive:
    """The archive after updates of what this update is of."""
    small.make("own", "1.0", Source="own-source")
    small.make("own", "1.1", pocket="-updates", Source="own-source")
    small.make("own-doc", "7", Source="own-source (1.0)", Depends="own")
    small.make("gone", "0.9.1", pocket="-updates")
    small.make("new", "2.0", pocket="-updates")
    small.sign()
    return small


def test_as_of_a_day_the_older_packages_are_those_of_that_day_and_else_the_latest(
    tmp_path: Path, updated: UbuntuArchive, ring: Path
) -> None:
    prepare_older(updated, ring, tmp_path / "then", date(2017, 2, 15))
    found = manifest(tmp_path / "then")
    assert found["older"] == ["own-doc_7_all.deb", "own_1.0_all.deb"]
    (note,) = found["notes"]
    assert "the archive has gone in another version than on the recipe's day" in note

    prepare_older(updated, ring, tmp_path / "now", None)
    found = manifest(tmp_path / "now")
    assert found["older"] == [
        "gone_0.9.1_all.deb", "new_2.0_all.deb", "own-doc_7_all.deb", "own_1.1_all.deb"
    ]  # fmt: skip
    assert found["notes"] == []


@pytest.mark.parametrize(
    "mirror", ["", "archive.example.org/ubuntu", "http://a.example.org/ubuntu main\ndeb x"]
)
def test_a_mirror_that_is_no_address_is_the_recipes_fault(
    tmp_path: Path, ring: Path, mirror: str
) -> None:
    error = prepare(Series(SERIES, "16.04", mirror), ring, tmp_path)
    assert isinstance(error, RecipeError)
    assert "is no address of an archive" in str(error)
    assert error.where == "series.xenial.mirror"


def test_the_environment_may_name_the_keyring_and_one_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEYRING_VARIABLE, raising=False)
    assert Ubuntu().keyring == KEYRING
    monkeypatch.setenv(KEYRING_VARIABLE, str(tmp_path / "ring.gpg"))
    assert Ubuntu().keyring == tmp_path / "ring.gpg"
    error = prepare(seen_at("http://127.0.0.1:9"), tmp_path / "none.gpg", tmp_path)
    assert isinstance(error, MachineError)
    assert f"bookworm-backports), let {KEYRING_VARIABLE} name a keyring file" in str(error)


def test_the_key_tells_which_archive() -> None:
    here = Ubuntu().inputs(Series(SERIES, "16.04", "http://a.example.org"))
    assert Ubuntu().inputs(Series(SERIES, "16.04", "http://b.example.org")) != here
