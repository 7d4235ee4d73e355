"""A base that is really made: from an archive that looks like Ubuntu's, with real packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from debian.deb822 import Packages

from backport.archive.base import PreparedBase, Wanted
from backport.archive.ubuntu import Ubuntu
from backport.build import sbuild
from backport.verdict import Passed
from tests.archive import real
from tests.archive.packages import keyring
from tests.archive.ubuntu_archive import SERIES, UbuntuArchive, seen_at
from tests.build.packages import make_source

UNIVERSE = ("bc_", "libnss-myhostname_", "libfakeroot_")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Everybody may walk there: the build user has to.
    with TemporaryDirectory(prefix="archive-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def archive(home: Path, key_home: Path) -> UbuntuArchive:
    made = UbuntuArchive(home / "archive", key_home)
    for deb in real.pool("bc").everything:
        pocket = "-security" if deb.name.startswith("libc6_") else ""
        made.add(deb, pocket, "universe" if deb.name.startswith(UNIVERSE) else "main")
    made.make("greeting", "1.0", component="universe")
    made.make("greeting", "1.1", pocket="-updates", component="universe")
    made.sign()
    return made


def versions(prepared: PreparedBase) -> dict[str, str]:
    index = (prepared.repository / "Packages").read_text()
    return {
        part["Package"]: part["Version"]
        for part in Packages.iter_paragraphs(index, use_apt_pkg=False)
    }


def assert_only_local_sources(root: Path) -> None:
    lines = (root / "etc/apt/sources.list").read_text().splitlines()
    assert [line.split()[2].partition(":")[0] for line in lines] == ["file"]
    assert list((root / "etc/apt/sources.list.d").iterdir()) == []


def test_a_package_is_built_on_the_series_own_archive(
    home: Path, archive: UbuntuArchive, key_home: Path
) -> None:
    wanted = Wanted(("fakeroot", "bc", "own (>= 2)"), ("greeting",), frozenset({"own"}))
    base = Ubuntu(keyring(key_home), retries=0)
    with archive.served() as uri:
        series = seen_at(uri)
        prepared = base.prepare(series, wanted, home / "bases", home / "cache")
    assert (prepared.kind, prepared.suite) == ("ubuntu", "Ubuntu 16.04 xenial")
    found = versions(prepared)
    assert found["greeting"] == "1.1"
    assert {"bc", "build-essential", "libc6", "systemd"} <= found.keys()
    root = prepared.testbed_root
    assert (root / "usr/sbin/cron").is_file()
    assert (root / "sbin/init").exists()
    assert_only_local_sources(root)

    dsc = make_source(home, build_depends="fakeroot, bc", commands='test "$$(echo 1+1 | bc)" = 2')
    result = sbuild.build(
        dsc,
        chroot=prepared.chroot,
        repositories=[prepared.repository],
        out=home / "built",
        series=SERIES,
    )
    assert isinstance(result.verdict, Passed), result.tail
    assert [Path(deb).name for deb in result.debs] == ["tiny_1.0_all.deb"]

    # The archive is gone by now: what is there is used, and stays as it is.
    before = {path: path.stat().st_mtime_ns for path in (prepared.chroot, prepared.testbed_root)}
    assert base.prepare(series, wanted, home / "bases", home / "cache") == prepared
    assert {path: path.stat().st_mtime_ns for path in before} == before
