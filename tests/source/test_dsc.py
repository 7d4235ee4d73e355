from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from backport.errors import HashMismatchError, InputError
from backport.recipe.model import PinnedDsc
from backport.source.dsc import fetch_pinned, read_dsc, signature
from backport.source.files import sha256_of
from tests.support.file_server import Cut, FileServer
from tests.support.source_builder import PackageSpec, build_dsc


def pin_of(dsc: Path, **changes: str) -> PinnedDsc:
    info = read_dsc(dsc)
    pin = PinnedDsc(info.version, dsc.name, sha256_of(dsc), path=str(dsc))
    return replace(pin, **changes)


@pytest.fixture
def dsc(tmp_path: Path) -> Path:
    return build_dsc(PackageSpec(), tmp_path / "archive")


def test_a_local_dsc_comes_with_its_files(dsc: Path, tmp_path: Path) -> None:
    found = fetch_pinned(pin_of(dsc), tmp_path / "cache", source="small", offline=True)
    assert {path.name: path.read_bytes() for path in found.parent.iterdir()} == {
        path.name: path.read_bytes() for path in dsc.parent.iterdir()
    }


@pytest.mark.parametrize("tail", ["", "/", "/small_1.0-1.dsc"])
def test_a_dsc_on_a_server_comes_with_its_files(
    dsc: Path, tmp_path: Path, server: FileServer, tail: str
) -> None:
    server.files = {f"/pool/{path.name}": path.read_bytes() for path in dsc.parent.iterdir()}
    server.faults = [Cut(100)]
    pin = pin_of(dsc, path="", url=f"{server.url}/pool{tail}")
    found = fetch_pinned(pin, tmp_path / "cache")
    assert sorted(path.name for path in found.parent.iterdir()) == sorted(
        path.name for path in dsc.parent.iterdir()
    )
    asked = len(server.requests)
    assert fetch_pinned(pin, tmp_path / "cache", offline=True) == found
    assert len(server.requests) == asked


def test_a_damaged_file_beside_the_cached_dsc_is_mended(dsc: Path, tmp_path: Path) -> None:
    pin = pin_of(dsc)
    found = fetch_pinned(pin, tmp_path / "cache")
    orig = found.parent / "small_1.0.orig.tar.gz"
    whole = orig.read_bytes()
    orig.unlink()
    orig.write_bytes(b"damaged")
    assert fetch_pinned(pin, tmp_path / "cache") == found
    assert orig.read_bytes() == whole


def test_what_several_bring_at_once_stays_where_it_is(dsc: Path, tmp_path: Path) -> None:
    def bring(cache: Path) -> list[str]:
        start.wait()
        place = fetch_pinned(pin_of(dsc), cache).parent
        return [sha256_of(place / file.name) for file in read_dsc(dsc).files]

    hashes = [file.sha256 for file in read_dsc(dsc).files]
    for number in range(10):
        start = Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(bring, [tmp_path / f"cache{number}"] * 4):
                assert found == hashes


def test_a_file_of_another_hash_than_the_dsc_says_is_refused(dsc: Path, tmp_path: Path) -> None:
    orig = dsc.parent / "small_1.0.orig.tar.gz"
    orig.write_bytes(orig.read_bytes() + b"!")
    with pytest.raises(HashMismatchError, match=r"small_1\.0\.orig\.tar\.gz"):
        fetch_pinned(pin_of(dsc), tmp_path / "cache")
    assert not (tmp_path / "cache" / "dsc").exists()


def test_another_version_or_source_than_is_pinned_is_refused(dsc: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it is small 1\.0-1, and small 1\.0-2 is pinned"):
        fetch_pinned(pin_of(dsc, version="1.0-2"), tmp_path / "cache")
    with pytest.raises(InputError, match=r"and large 1\.0-1 is pinned"):
        fetch_pinned(pin_of(dsc), tmp_path / "cache", source="large")


def test_a_dsc_under_a_wrong_name_is_refused(dsc: Path, tmp_path: Path) -> None:
    renamed = dsc.rename(dsc.with_name("small_1.0-9.dsc"))
    with pytest.raises(InputError, match="which its name does not say"):
        fetch_pinned(pin_of(renamed), tmp_path / "cache")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (r"small_1.0.orig.tar.gz\n", "../small_1.0.orig.tar.gz\n", "be a file of a package"),
        (r"Version: 1.0-1\n", "", "the field Version is missing"),
        ("Checksums-Sha256:", "Checksums-Sha999:", "the field Checksums-Sha256 is missing"),
        (r"(?s)(\nFiles:.*)orig\.tar", r"\1origin.tar", "name other files or sizes"),
        (r"(\nFiles:\n .*\n) .*\n", r"\1", "name other files or sizes"),
        (r"(\nFiles:\n \S+) \d+", r"\1 many", "this is no .dsc: invalid literal"),
    ],
)
def test_an_unsound_dsc_is_refused(dsc: Path, old: str, new: str, says: str) -> None:
    text, count = re.subn(old, new, dsc.read_text())
    assert count
    dsc.write_text(text)
    with pytest.raises(InputError, match=says):
        read_dsc(dsc)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Two keyrings, each with one key: one that is good, one that expires after a day."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    for name, faked in (("good", "!20200101T000000"), ("expired", "!20150101T000000")):
        lasting = "0" if name == "good" else "1d"
        gpg(home, faked, "--quick-generate-key", name, "rsa2048", "sign", lasting)
        (home / f"{name}.gpg").write_bytes(gpg(home, faked, "--export", name))
    yield {"home": home, "good": home / "good.gpg", "expired": home / "expired.gpg"}
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def gpg(home: Path, faked: str, *args: str, text: bytes = b"") -> bytes:
    words = ["gpg", f"--homedir={home}", "--batch", "--quiet", "--pinentry-mode=loopback"]
    words += ["--passphrase=", f"--faked-system-time={faked}", *args]
    return subprocess.run(words, input=text, check=True, capture_output=True).stdout


def signed(dsc: Path, keys: dict[str, Path], who: str) -> Path:
    faked = "!20200102T000000" if who == "good" else "!20150101T010000"
    text = gpg(keys["home"], faked, "--local-user", who, "--clearsign", text=dsc.read_bytes())
    dsc.write_bytes(text)
    return dsc


def test_a_signature_of_a_known_key_is_good(dsc: Path, keys: dict[str, Path]) -> None:
    found = signature(signed(dsc, keys, "good"), [keys["expired"], keys["good"]])
    assert (found.state, found.detail) == ("good", "good")
    assert read_dsc(dsc).version == "1.0-1"


def test_a_key_that_expired_since_is_reported(dsc: Path, keys: dict[str, Path]) -> None:
    found = signature(signed(dsc, keys, "expired"), [keys["expired"]])
    assert (found.state, found.detail) == ("expired key", "expired")


@pytest.mark.parametrize("rings", [["expired"], [], ["missing"]])
def test_a_key_that_is_in_no_keyring_is_reported(
    dsc: Path, keys: dict[str, Path], rings: list[str]
) -> None:
    rings_on_disk = [keys.get(name, dsc.parent / name) for name in rings]
    found = signature(signed(dsc, keys, "good"), rings_on_disk)
    assert found.state == "unknown key"
    assert found.detail == "the key is not in the keyring"
    assert found.key_id


def test_a_text_that_was_changed_after_signing_is_bad(dsc: Path, keys: dict[str, Path]) -> None:
    assert signature(dsc, [keys["good"]]).state == "none"
    text = signed(dsc, keys, "good").read_text()
    cut = text.partition("-----BEGIN PGP SIGNATURE-----")[0]
    for damaged in (text.replace("Version: 3.9.8", "Version: 3.9.9"), cut):
        dsc.write_text(damaged)
        with pytest.raises(InputError, match="its signature is bad"):
            signature(dsc, [keys["good"]])
