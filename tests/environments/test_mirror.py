from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backport.environments import mirror
from backport.environments.mirror import Pool
from backport.errors import BackportError, HashMismatchError, InputError, RemoteError
from tests.environments.packages import one_sentence
from tests.environments.ubuntu_archive import SERIES, UbuntuArchive, suites_at

TOOL = ["libtool-data_1.6_all.deb", "tool_2.0_all.deb"]


@pytest.fixture(autouse=True)
def filled(archive: UbuntuArchive) -> None:
    archive.make("apt", Priority="important")
    archive.make("base-files", Essential="yes")
    archive.make("tool", "1:2.0", Depends="libtool-data (>= 1.5)")
    archive.make("libtool-data", "1.6")
    archive.make("left", Conflicts="right")
    archive.make("right")
    archive.sign()


class Client:
    """One who collects packages in a folder; `at` is where the archive answers."""

    def __init__(self, folder: Path, ring: Path) -> None:
        self.folder = folder
        self.ring = ring
        self.at = "http://127.0.0.1:9"

    def collect(self, *relations: str, **options: Any) -> Pool:
        return mirror.collect(
            suites_at(self.at, self.ring),
            {"wanted": relations},
            self.folder,
            architecture="amd64",
            cache=self.folder / "cache",
            **options,
        )

    def names(self, *relations: str, **options: Any) -> list[str]:
        return [path.name for path in self.collect(*relations, **options).groups["wanted"]]


@pytest.fixture
def client(tmp_path: Path, ring: Path) -> Client:
    (folder := tmp_path / "a folder%20#1").mkdir()
    return Client(folder, ring)


def test_a_relation_brings_all_that_it_depends_on(client: Client, archive: UbuntuArchive) -> None:
    with archive.served() as client.at:
        groups = client.collect("tool (>= 1:1.9)", "none | right").groups
    names = {group: [path.name for path in paths] for group, paths in groups.items()}
    assert names == {
        "required": ["apt_1.0_all.deb", "base-files_1.0_all.deb"],
        "wanted": [TOOL[0], "right_1.0_all.deb", TOOL[1]],
    }
    for path in (path for paths in groups.values() for path in paths):
        assert path.read_bytes() == (archive.pool / path.name).read_bytes()


def test_what_was_collected_stays_as_it_is_and_only_a_damaged_package_is_fetched_anew(
    client: Client, archive: UbuntuArchive
) -> None:
    with archive.served() as client.at:
        with pytest.raises(RemoteError, match="run once without --offline"):
            client.collect("right", offline=True)
        assert not (client.folder / "cache").exists()
        first = client.names("right")
    # The archive is gone.
    assert client.names("right", offline=True) == client.names("right") == first
    (kept,) = client.folder.glob("cache/sha256/*/right_1.0_all.deb")
    kept.write_bytes(b"damaged")
    with archive.served() as client.at:
        client.names("right")
    assert kept.read_bytes() == (archive.pool / "right_1.0_all.deb").read_bytes()


def test_relations_that_exclude_each_other_are_met_one_by_one(
    client: Client, archive: UbuntuArchive
) -> None:
    with archive.served() as client.at:
        assert client.names("left", "right") == ["left_1.0_all.deb", "right_1.0_all.deb"]


def no_signature(archive: UbuntuArchive) -> None:
    for name in ("InRelease", "Release.gpg"):
        (archive.folder / f"dists/{SERIES}" / name).unlink()


def changed(archive: UbuntuArchive) -> None:
    deb = archive.pool / TOOL[0]
    data = bytearray(deb.read_bytes())
    data[-1] ^= 1
    deb.write_bytes(data)


def lost(archive: UbuntuArchive) -> None:
    (archive.pool / TOOL[0]).unlink()


@pytest.mark.parametrize(
    "case",
    [
        ("tool", no_signature, InputError, "signature"),
        ("tool", changed, HashMismatchError, "Hash Sum mismatch"),
        ("tool", lost, InputError, r"libtool-data_1\.6_all\.deb, but .* does not have it"),
        ("libtool-data (<< 2)", lost, InputError, "libtool-data"),
        ("nothing-of-that-name", None, InputError, "cannot meet nothing-of-that-name"),
        ("tool (>= 1:3)", None, InputError, r"cannot meet tool \(>= 1:3\)"),
    ],
)
def test_what_the_archive_lacks_or_what_is_not_verified_is_refused_in_a_sentence(
    client: Client,
    archive: UbuntuArchive,
    case: tuple[str, Callable[[UbuntuArchive], None] | None, type[BackportError], str],
) -> None:
    relation, damage, kind, said = case
    if damage:
        damage(archive)
    with archive.served() as client.at, pytest.raises(kind, match=said) as caught:
        # Where an older version may stand in there is none either.
        client.collect(relation, older_for_lost="<<" in relation)
    assert one_sentence(caught.value)
    assert not list((client.folder / "cache").rglob("libtool-data*"))
    assert not list(client.folder.glob("pool-*"))


def test_an_older_version_stands_in_for_a_lost_one_where_that_is_allowed(
    client: Client, archive: UbuntuArchive
) -> None:
    for version in ("1.5+b1", "1.7+b1"):
        archive.make("libtool-data", version)
    archive.sign()
    for version in ("1.7+b1", "1.6"):
        (archive.pool / f"libtool-data_{version}_all.deb").unlink()
    with archive.served() as client.at:
        names = client.names("tool", older_for_lost=True)
    assert names == ["libtool-data_1.5+b1_all.deb", TOOL[1]]


def test_what_the_host_has_configured_does_not_count(
    client: Client, archive: UbuntuArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = client.folder / "host.conf"
    host.write_text('Acquire::http::Proxy "http://127.0.0.1:9/";\nAPT::Architecture "armhf";\n')
    monkeypatch.setenv("APT_CONFIG", str(host))
    with archive.served() as client.at:
        assert client.names("right") == ["right_1.0_all.deb"]


def test_packages_that_are_yet_to_be_built_are_resolved_and_not_brought(
    client: Client, archive: UbuntuArchive
) -> None:
    thing = {"Package": "python-thing", "Version": "1.0-1", "Architecture": "all"}
    to_build = [{**thing, "Depends": "tool", "Recommends": ""}]
    with archive.served() as client.at:
        assert client.names("python-thing (>= 1.0)", to_build=to_build) == TOOL


@pytest.mark.parametrize("text", ["", "[1]", '{"format": 2, "groups": {"wanted": [["x"]]}}'])
def test_a_damaged_note_of_what_was_found_is_made_anew(
    client: Client, archive: UbuntuArchive, text: str
) -> None:
    with archive.served() as client.at:
        first = client.names("right")
        (note,) = client.folder.glob("pool-*.json")
        good = note.read_text()
        note.write_text(text)
        assert client.names("right") == first
    assert note.read_text() == good
