from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backport.environments import mirror
from backport.environments.machine_sources import Suite
from backport.errors import BackportError, HashMismatchError, InputError, RemoteError
from tests.environments.packages import Archive, keyring, make_deb, one_sentence


def fill(archive: Archive) -> None:
    make_deb(archive.pool, "apt", Priority="important")
    make_deb(archive.pool, "base-files", Essential="yes")
    make_deb(archive.pool, "tool", "1:2.0", Depends="libtool-data (>= 1.5)")
    make_deb(archive.pool, "libtool-data", "1.6")
    make_deb(archive.pool, "left", Conflicts="right")
    make_deb(archive.pool, "right")
    archive.sign()


@pytest.fixture
def ring(archive: Archive, key_home: Path) -> Path:
    """The archive has packages; this is its keyring."""
    fill(archive)
    return keyring(key_home)


def collect(
    suite: Suite, folder: Path, *relations: str, older: bool = False, offline: bool = False
) -> list[str]:
    found = mirror.collect(
        [suite],
        {"wanted": relations},
        folder / "pool.json",
        architecture="amd64",
        cache=folder / "cache",
        older_for_lost=older,
        retries=0,
        offline=offline,
    )
    return [path.name for path in found.groups["wanted"]]


def test_a_relation_brings_all_that_it_depends_on(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:
    with archive.served() as uri:
        found = mirror.collect(
            [archive.seen_at(uri, ring)],
            {"build": ["tool (>= 1:1.9)", "none | right"]},
            tmp_path / "pool.json",
            architecture="amd64",
            cache=tmp_path / "cache",
        )
    names = {group: [path.name for path in paths] for group, paths in found.groups.items()}
    assert names == {
        "required": ["apt_1.0_all.deb", "base-files_1.0_all.deb"],
        "build": ["libtool-data_1.6_all.deb", "right_1.0_all.deb", "tool_2.0_all.deb"],
    }
    for paths in found.groups.values():
        for path in paths:
            assert path.read_bytes() == (archive.pool / path.name).read_bytes()


def test_what_was_collected_is_there_without_the_archive(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:
    with archive.served() as uri:
        suite = archive.seen_at(uri, ring)
        first = collect(suite, tmp_path, "tool")
    assert collect(suite, tmp_path, "tool") == first


def test_a_damaged_package_in_the_cache_is_fetched_anew(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:
    with archive.served() as uri:
        suite = archive.seen_at(uri, ring)
        collect(suite, tmp_path, "right")
        (kept,) = (tmp_path / "cache").glob("sha256/*/right_1.0_all.deb")
        kept.write_bytes(b"damaged")
        collect(suite, tmp_path, "right")
    assert kept.read_bytes() == (archive.pool / "right_1.0_all.deb").read_bytes()


def test_relations_that_exclude_each_other_are_met_one_by_one(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:
    with archive.served() as uri:
        names = collect(archive.seen_at(uri, ring), tmp_path, "left", "right")
    assert names == ["left_1.0_all.deb", "right_1.0_all.deb"]


def no_signature(archive: Archive) -> None:
    (archive.folder / "dists/oldseries/InRelease").unlink()


def changed(archive: Archive) -> None:
    deb = archive.pool / "libtool-data_1.6_all.deb"
    data = bytearray(deb.read_bytes())
    data[-1] ^= 1
    deb.write_bytes(data)


def lost(archive: Archive) -> None:
    (archive.pool / "libtool-data_1.6_all.deb").unlink()


@pytest.mark.parametrize(
    "case",
    [
        ("tool", no_signature, InputError, "signature"),
        ("tool", changed, HashMismatchError, "hash"),
        ("tool", lost, InputError, r"libtool-data_1\.6_all\.deb, but .* does not have it"),
        ("libtool-data (<< 2)", lost, InputError, "libtool-data"),
        ("nothing-of-that-name", None, InputError, "cannot meet nothing-of-that-name"),
        ("tool (>= 1:3)", None, InputError, r"cannot meet tool \(>= 1:3\)"),
    ],
)
def test_what_the_archive_lacks_or_what_is_not_verified_is_refused_in_a_sentence(
    tmp_path: Path,
    archive: Archive,
    ring: Path,
    case: tuple[str, Callable[[Archive], None] | None, type[BackportError], str],
) -> None:
    relation, damage, kind, said = case
    if damage:
        damage(archive)
    with archive.served() as uri, pytest.raises(kind, match=said) as caught:
        # Where an older version may stand in there is none either.
        collect(archive.seen_at(uri, ring), tmp_path, relation, older="<<" in relation)
    assert one_sentence(caught.value)
    assert not list((tmp_path / "cache").rglob("libtool-data*"))
    assert not (tmp_path / "pool.json").exists()


def test_an_older_version_stands_in_for_a_lost_one_where_that_is_allowed(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:
    make_deb(archive.pool, "libtool-data", "1.5+b1")
    make_deb(archive.pool, "libtool-data", "1.7+b1")
    archive.sign()
    for version in ("1.7+b1", "1.6"):
        (archive.pool / f"libtool-data_{version}_all.deb").unlink()
    with archive.served() as uri:
        suite = archive.seen_at(uri, ring)
        names = collect(suite, tmp_path, "tool", older=True)
    assert names == ["libtool-data_1.5+b1_all.deb", "tool_2.0_all.deb"]


def test_offline_the_archive_is_not_asked_and_the_sentence_says_what_helps(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:
    with archive.served() as uri:
        suite = archive.seen_at(uri, ring)
        with pytest.raises(RemoteError, match="run once without --offline") as caught:
            collect(suite, tmp_path, "tool", offline=True)
        assert one_sentence(caught.value)
        assert not (tmp_path / "cache").exists()
        brought = collect(suite, tmp_path, "tool")
        assert collect(suite, tmp_path, "tool", offline=True) == brought


def test_what_the_host_has_configured_does_not_count(
    tmp_path: Path, archive: Archive, ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = tmp_path / "host.conf"
    host.write_text('Acquire::http::Proxy "http://127.0.0.1:9/";\nAPT::Architecture "armhf";\n')
    monkeypatch.setenv("APT_CONFIG", str(host))
    with archive.served() as uri:
        names = collect(archive.seen_at(uri, ring), tmp_path, "right")
    assert names == ["right_1.0_all.deb"]


def test_packages_of_a_local_repository_are_resolved_and_not_brought(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:
    local = tmp_path / "local"
    local.mkdir()
    (local / "Packages").write_text(
        "Package: python-thing\nVersion: 1.0-1\nArchitecture: all\nDepends: tool\n"
        f"Filename: ./python-thing.deb\nSize: 1\nSHA256: {'0' * 64}\n\n"
    )
    with archive.served() as uri:
        found = mirror.collect(
            [archive.seen_at(uri, ring), Suite(f"file:{local}", "./", (), None)],
            {"wanted": ["python-thing (>= 1.0)"]},
            tmp_path / "pool.json",
            architecture="amd64",
            cache=tmp_path / "cache",
        )
    names = [path.name for path in found.groups["wanted"]]
    assert names == ["libtool-data_1.6_all.deb", "tool_2.0_all.deb"]


def test_runs_that_share_only_the_cache_do_not_disturb_each_other(
    tmp_path: Path, archive: Archive, ring: Path
) -> None:

    def run(number: int, uri: str) -> list[str]:
        found = mirror.collect(
            [archive.seen_at(uri, ring)],
            {"wanted": ["tool", "right"]},
            tmp_path / f"work-{number}" / "pool.json",
            architecture="amd64",
            cache=tmp_path / "cache",
        )
        for path in found.groups["wanted"]:
            assert path.read_bytes() == (archive.pool / path.name).read_bytes()
        return [path.name for path in found.groups["wanted"]]

    with archive.served() as uri, ThreadPoolExecutor() as threads:
        results = list(threads.map(run, range(4), [uri] * 4))
    assert results == [["libtool-data_1.6_all.deb", "right_1.0_all.deb", "tool_2.0_all.deb"]] * 4
    assert list((tmp_path / "cache/part").iterdir()) == []
    for number in range(4):
        assert [path.name for path in (tmp_path / f"work-{number}").iterdir()] == ["pool.json"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"wanted": [["x"]]}', '{"wanted": [["tool_2', "7"]
)
def test_a_damaged_note_of_what_was_found_is_made_anew(
    tmp_path: Path, archive: Archive, ring: Path, text: str
) -> None:
    (tmp_path / "pool.json").write_text(text)
    with archive.served() as uri:
        names = collect(archive.seen_at(uri, ring), tmp_path, "right")
    assert names == ["right_1.0_all.deb"]
