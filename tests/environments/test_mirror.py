from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backport.environments import mirror
from backport.environments.machine_sources import Suite
from backport.errors import HashMismatchError, InputError, RemoteError
from tests.environments.packages import Archive, keyring, make_deb, make_key, one_sentence


def fill(archive: Archive) -> None:
    make_deb(archive.pool, "apt", Priority="important")
    make_deb(archive.pool, "base-files", Essential="yes")
    make_deb(archive.pool, "tool", "1:2.0", Depends="libtool-data (>= 1.5)")
    make_deb(archive.pool, "libtool-data", "1.6")
    make_deb(archive.pool, "left", Conflicts="right")
    make_deb(archive.pool, "right")
    archive.sign()


def collect(
    suite: Suite, folder: Path, *relations: str, lost: bool = False, offline: bool = False
) -> list[str]:
    found = mirror.collect(
        [suite],
        {"wanted": relations},
        folder / "pool.json",
        architecture="amd64",
        cache=folder / "cache",
        older_for_lost=lost,
        retries=0,
        offline=offline,
    )
    return [path.name for path in found.groups["wanted"]]


def test_a_relation_brings_all_that_it_depends_on(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    with archive.served() as uri:
        found = mirror.collect(
            [archive.seen_at(uri, keyring(key_home))],
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
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    with archive.served() as uri:
        suite = archive.seen_at(uri, keyring(key_home))
        first = collect(suite, tmp_path, "tool")
    assert collect(suite, tmp_path, "tool") == first


def test_a_damaged_package_in_the_cache_is_fetched_anew(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    with archive.served() as uri:
        suite = archive.seen_at(uri, keyring(key_home))
        collect(suite, tmp_path, "right")
        (kept,) = (tmp_path / "cache").glob("sha256/*/right_1.0_all.deb")
        kept.write_bytes(b"damaged")
        collect(suite, tmp_path, "right")
    assert kept.read_bytes() == (archive.pool / "right_1.0_all.deb").read_bytes()


def test_relations_that_exclude_each_other_are_met_one_by_one(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    with archive.served() as uri:
        names = collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "left", "right")
    assert names == ["left_1.0_all.deb", "right_1.0_all.deb"]


def test_a_signature_of_another_key_is_refused(tmp_path: Path, archive: Archive) -> None:
    fill(archive)
    other = make_key(tmp_path / "other")
    with archive.served() as uri, pytest.raises(InputError, match="signature does not") as caught:
        collect(archive.seen_at(uri, other), tmp_path, "tool")
    assert one_sentence(caught.value)
    assert uri in str(caught.value)
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "pool.json").exists()


def test_an_archive_without_a_signature_is_refused(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    (archive.folder / "dists/oldseries/InRelease").unlink()
    with archive.served() as uri, pytest.raises(InputError, match="signature") as caught:
        collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "tool")
    assert one_sentence(caught.value)


def test_a_changed_index_is_refused(tmp_path: Path, archive: Archive, key_home: Path) -> None:
    fill(archive)
    index = archive.folder / "dists/oldseries/main/binary-amd64/Packages"
    index.write_text(index.read_text().replace("Version: 1.6", "Version: 1.7"))
    with archive.served() as uri, pytest.raises(HashMismatchError) as caught:
        collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "tool")
    assert one_sentence(caught.value)


def test_a_changed_package_is_refused_and_not_kept(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    deb = archive.pool / "libtool-data_1.6_all.deb"
    data = bytearray(deb.read_bytes())
    data[-1] ^= 1
    deb.write_bytes(data)
    with archive.served() as uri, pytest.raises(HashMismatchError, match="hash") as caught:
        collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "tool")
    assert one_sentence(caught.value)
    assert not list((tmp_path / "cache").rglob("libtool-data*"))
    assert not (tmp_path / "pool.json").exists()


@pytest.mark.parametrize("relation", ["nothing-of-that-name", "tool (>= 1:3)"])
def test_a_relation_that_the_archive_cannot_meet_is_named(
    tmp_path: Path, archive: Archive, key_home: Path, relation: str
) -> None:
    fill(archive)
    with archive.served() as uri, pytest.raises(InputError, match="cannot meet") as caught:
        collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "right", relation)
    assert relation in str(caught.value)
    assert one_sentence(caught.value)


def test_a_package_that_the_archive_lost_is_named(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    (archive.pool / "libtool-data_1.6_all.deb").unlink()
    with archive.served() as uri, pytest.raises(InputError, match="does not have it") as caught:
        collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "tool")
    assert "libtool-data_1.6_all.deb" in str(caught.value)
    assert one_sentence(caught.value)


def test_an_older_version_stands_in_for_a_lost_one_where_that_is_allowed(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    make_deb(archive.pool, "libtool-data", "1.5+b1")
    fill(archive)
    make_deb(archive.pool, "libtool-data", "1.7+b1")
    archive.sign()
    for lost in ("1.7+b1", "1.6"):
        (archive.pool / f"libtool-data_{lost}_all.deb").unlink()
    with archive.served() as uri:
        suite = archive.seen_at(uri, keyring(key_home))
        names = collect(suite, tmp_path, "tool", lost=True)
    assert names == ["libtool-data_1.5+b1_all.deb", "tool_2.0_all.deb"]


def test_a_lost_package_without_an_older_version_ends_in_a_sentence(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    (archive.pool / "right_1.0_all.deb").unlink()
    with archive.served() as uri, pytest.raises(InputError) as caught:
        collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "right", lost=True)
    assert "right" in str(caught.value)
    assert one_sentence(caught.value)


def test_an_archive_that_does_not_answer_is_an_error_of_the_network(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    with archive.served() as uri:
        suite = archive.seen_at(uri, keyring(key_home))
    with pytest.raises(RemoteError) as caught:
        collect(suite, tmp_path, "tool")
    assert one_sentence(caught.value)


def test_offline_the_archive_is_not_asked_and_the_sentence_says_what_helps(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    with archive.served() as uri:
        suite = archive.seen_at(uri, keyring(key_home))
        with pytest.raises(RemoteError, match="run once without --offline") as caught:
            collect(suite, tmp_path, "tool", offline=True)
        assert one_sentence(caught.value)
        assert not (tmp_path / "cache").exists()
        brought = collect(suite, tmp_path, "tool")
        assert collect(suite, tmp_path, "tool", offline=True) == brought


def test_what_the_host_has_configured_does_not_count(
    tmp_path: Path, archive: Archive, key_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(archive)
    host = tmp_path / "host.conf"
    host.write_text('Acquire::http::Proxy "http://127.0.0.1:9/";\nAPT::Architecture "armhf";\n')
    monkeypatch.setenv("APT_CONFIG", str(host))
    with archive.served() as uri:
        names = collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "right")
    assert names == ["right_1.0_all.deb"]


def test_packages_of_a_local_repository_are_resolved_and_not_brought(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)
    local = tmp_path / "local"
    local.mkdir()
    (local / "Packages").write_text(
        "Package: python-thing\nVersion: 1.0-1\nArchitecture: all\nDepends: tool\n"
        f"Filename: ./python-thing.deb\nSize: 1\nSHA256: {'0' * 64}\n\n"
    )
    with archive.served() as uri:
        found = mirror.collect(
            [archive.seen_at(uri, keyring(key_home)), Suite(f"file:{local}", "./", (), None)],
            {"wanted": ["python-thing (>= 1.0)"]},
            tmp_path / "pool.json",
            architecture="amd64",
            cache=tmp_path / "cache",
        )
    names = [path.name for path in found.groups["wanted"]]
    assert names == ["libtool-data_1.6_all.deb", "tool_2.0_all.deb"]


def test_runs_that_share_only_the_cache_do_not_disturb_each_other(
    tmp_path: Path, archive: Archive, key_home: Path
) -> None:
    fill(archive)

    def run(number: int, uri: str) -> list[str]:
        found = mirror.collect(
            [archive.seen_at(uri, keyring(key_home))],
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
    tmp_path: Path, archive: Archive, key_home: Path, text: str
) -> None:
    fill(archive)
    (tmp_path / "pool.json").write_text(text)
    with archive.served() as uri:
        names = collect(archive.seen_at(uri, keyring(key_home)), tmp_path, "right")
    assert names == ["right_1.0_all.deb"]
