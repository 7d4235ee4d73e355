"""The recipe's patches on upstream's real tarballs: every hunk fits each version exactly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from backport.recipe import reader, versions
from backport.recipe.model import Source, Upstream
from backport.recipe.patch_folder import quilt_series_file
from backport.source.fetch import fetch_upstream
from backport.source.files import sha256_of, tree_hashes
from backport.source.patches import apply_series, read_series
from backport.source.tarball import unpack
from tests.e2e.support import CHECKOUT
from tests.support.source_builder import make_tarball
from tests.support.systems import home

PINS = {
    "0.10.0": "dd64ed8fb3cc3b053f05e779b934433445918668c49bcdbb2c816062815e1661",
    "0.10.1": "e0d699adb3f8ca3e077a4db339de29ebb3f790fbc5f3f02e446e227ed40aa743",
    "0.10.2": "33729ce100fc9d00d9820c81fc3ef9b95802b8d261f0cca0cce422bc568b1631",
}


def certbot(version: str) -> Source:
    """The recipe's python-certbot with another version and pin."""
    ours = reader.load(CHECKOUT / "backport.toml").source("python-certbot")
    upstream = Upstream(f"certbot-{version}.tar.gz", PINS[version], pypi="certbot")
    return dataclasses.replace(ours, version=version, upstream=upstream)


def unpacked(of: Source, folder: Path, cache: Path | None = None) -> Path:
    assert of.upstream is not None
    tarball = fetch_upstream(of.upstream, cache or home() / "cache")
    return unpack(tarball, folder / f"{of.name}-{of.version}")


def patched(of: Source, tree: Path, series: str = "xenial") -> tuple[str, ...]:
    """Apply what the recipe has for that version and Ubuntu series; a hunk that is off raises."""
    quilt_series = quilt_series_file(of, series)
    assert quilt_series is not None
    names = read_series(quilt_series)
    apply_series(of.patches, names, tree)
    return names


@pytest.mark.parametrize("version", PINS)
def test_every_hunk_fits_the_version_exactly(version: str, tmp_path: Path) -> None:
    of = certbot(version)
    for series in of.series:
        assert patched(of, unpacked(of, tmp_path / series), series)


def test_the_lock_is_the_same_in_every_version(tmp_path: Path) -> None:
    locks = set()
    for version in PINS:
        tree = unpacked(certbot(version), tmp_path)
        patched(certbot(version), tree)
        locks.add((tree / "certbot/lock.py").read_bytes())
    assert len(locks) == 1


def test_a_later_version_that_is_given_as_a_file_takes_the_same_patches(tmp_path: Path) -> None:
    tree = unpacked(certbot("0.10.2"), tmp_path)
    init = tree / "certbot/__init__.py"
    init.write_text(init.read_text().replace("0.10.2", "0.10.3"))
    tarball = make_tarball(tree, "certbot-0.10.3", tmp_path / "certbot-0.10.3.tar.gz")
    later = dataclasses.replace(
        certbot("0.10.2"),
        version="0.10.3",
        upstream=Upstream(tarball.name, sha256_of(tarball), path=str(tarball)),
    )
    unpatched = unpacked(later, tmp_path, tmp_path / "cache")
    assert "'0.10.3'" in (unpatched / "certbot/__init__.py").read_text()
    patched(later, unpatched)
    patched(certbot("0.10.2"), tree)
    assert tree_hashes(unpatched) == tree_hashes(tree)


def test_the_update_has_the_versions_of_ubuntus_practice() -> None:
    recipe = reader.load(CHECKOUT / "backport.toml")
    made = {(row.source, row.series): row.ours for row in versions.table(recipe, {}) if row.ours}
    expected = {
        ("python-filelock", "xenial"): "2.0.7-1~ubuntu16.04.1",
        ("python-filelock", "yakkety"): "2.0.7-1~ubuntu16.10.1",
        ("python-acme", "xenial"): "0.10.2-1~ubuntu16.04.1",
        ("python-acme", "yakkety"): "0.10.2-1~ubuntu16.10.1",
        ("python-certbot", "xenial"): "0.10.2-1ubuntu0.16.04.1",
        ("python-certbot", "yakkety"): "0.10.2-1ubuntu0.16.10.1",
        ("python-certbot", "zesty"): "0.10.2-1ubuntu0.17.04.1",
    }
    assert made | expected == made
