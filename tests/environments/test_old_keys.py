"""An archive whose key bears a signature with SHA1, read by the apt of today and of yesterday."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from backport.environments import old_keys
from backport.environments.base import Dependencies
from backport.environments.machine_sources import Suite
from backport.environments.mirror import collect
from backport.environments.ubuntu import Ubuntu
from backport.errors import InputError, StepError
from tests.environments.debian13 import apt_programs
from tests.environments.packages import (
    Archive,
    add_key,
    export,
    fingerprint,
    keyring,
    make_deb,
    make_key,
)
from tests.environments.ubuntu_archive import UbuntuArchive, seen_at

SHA1 = ("--cert-digest-algo", "SHA1", "--allow-weak-digest-algos")


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder in /tmp, which is all that Debian 13's apt sees of this machine."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def old(short: Path) -> Archive:
    """An archive that is signed with such a key."""
    make_key(short / "home", *SHA1)
    archive = Archive(short / "archive", short / "home")
    make_deb(archive.pool, "apt", Priority="important")
    make_deb(archive.pool, "base-files", Essential="yes")
    make_deb(archive.pool, "tool")
    archive.sign()
    return archive


@pytest.fixture
def apt_3(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{apt_programs(short / 'bin')}:{os.environ['PATH']}")


@pytest.fixture
def read(short: Path, old: Archive) -> Callable[..., tuple[str, ...]]:
    """Read the archive, while the keys of these fingerprints are taken; the record's notes."""

    def read(*taken: str, suites: Sequence[str] = ("oldseries",)) -> tuple[str, ...]:
        with old.served() as uri:
            found = collect(
                [Suite(uri, suite, ("main",), keyring(short / "home")) for suite in suites],
                {"wanted": ["tool"]},
                short / "pool.json",
                architecture="amd64",
                cache=short / "cache",
                take_keys=taken,
                retries=0,
            )
        assert [path.name for path in found.groups["wanted"]] == ["tool_1.0_all.deb"]
        return found.notes

    return read


@pytest.mark.usefixtures("apt_3")
def test_apt_3_takes_the_named_key_and_the_record_keeps_that(
    short: Path, read: Callable[..., tuple[str, ...]]
) -> None:
    key = fingerprint(short / "home")

    assert read(key, "0" * 40) == (old_keys.note([key]),)
    # What was found is kept, and then no archive is asked.
    assert read() == (old_keys.note([key]),)


@pytest.mark.usefixtures("apt_3")
def test_apt_3_refuses_a_key_that_is_not_named_and_says_why(
    short: Path, read: Callable[..., tuple[str, ...]]
) -> None:
    with pytest.raises(InputError, match="bears a signature with SHA1") as caught:
        read("0" * 40)

    assert fingerprint(short / "home") in str(caught.value)
    assert "check the mirror" not in str(caught.value)


@pytest.mark.usefixtures("apt_3")
def test_a_signature_of_the_archive_with_sha1_is_refused(
    short: Path, old: Archive, read: Callable[..., tuple[str, ...]]
) -> None:
    old.sign("--digest-algo", "SHA1", "--allow-weak-digest-algos")

    with pytest.raises(InputError, match="algorithm that apt no longer trusts"):
        read(fingerprint(short / "home"))


@pytest.mark.usefixtures("apt_3")
def test_where_the_named_key_is_taken_no_other_of_the_keyring_is(
    short: Path, old: Archive, read: Callable[..., tuple[str, ...]]
) -> None:
    key = fingerprint(short / "home")
    add_key(short / "home", "other@example.org", *SHA1)
    export(short / "home")
    shutil.copytree(old.folder / "dists/oldseries", short / "kept")
    old.sign("--local-user", "other@example.org")
    (old.folder / "dists/oldseries").rename(old.folder / "dists/other")
    (short / "kept").rename(old.folder / "dists/oldseries")

    with pytest.raises(InputError, match="does not verify"):
        read(key, suites=("oldseries", "other"))


@pytest.mark.usefixtures("apt_3")
def test_a_file_that_was_changed_after_signing_is_refused(
    short: Path, old: Archive, read: Callable[..., tuple[str, ...]]
) -> None:
    release = old.folder / "dists/oldseries/InRelease"
    release.write_bytes(release.read_bytes().replace(b"Suite: old", b"Suite: odd"))

    with pytest.raises(InputError, match="signature does not verify"):
        read(fingerprint(short / "home"))


@pytest.mark.usefixtures("apt_3")
def test_the_base_of_a_series_takes_its_archives_old_keys(short: Path) -> None:
    ring = make_key(short / "home", *SHA1)
    archive = UbuntuArchive(short / "archive", short / "home")
    archive.make_system()
    archive.sign()
    base = Ubuntu(ring, old_keys=[fingerprint(short / "home")], retries=0)

    # The signature holds, and then no system comes of these empty packages.
    with archive.served() as uri, pytest.raises(StepError, match="mmdebstrap"):
        base.prepare(seen_at(uri), Dependencies(), short / "bases", short / "cache")

    with pytest.raises(InputError, match="bears a signature with SHA1"), archive.served() as uri:
        Ubuntu(ring, retries=0).prepare(
            seen_at(uri), Dependencies(), short / "other", short / "cache"
        )


@pytest.mark.skipif(
    Path("/usr/lib/apt/methods/sqv").exists(), reason="this machine's apt checks by sqv"
)
def test_an_apt_that_checks_by_gpgv_needs_no_exception(
    read: Callable[..., tuple[str, ...]],
) -> None:
    assert read() == ()
