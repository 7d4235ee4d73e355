"""The recipe's patches on upstream's real tarballs: every hunk fits each version exactly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from backport import recipe_file
from backport.recipe import Source, Upstream, quilt_series_file
from backport.source.fetch import fetch_upstream
from backport.source.files import sha256_of, tree_hashes
from backport.source.patches import PatchError, PatchReport, apply_series, read_series
from backport.source.tarball import make_tarball, unpack
from tests.e2e.support import CHECKOUT, home

VERSIONS = ("0.10.0", "0.10.1", "0.10.2")
PINS = {
    "certbot-0.10.0": "dd64ed8fb3cc3b053f05e779b934433445918668c49bcdbb2c816062815e1661",
    "certbot-0.10.1": "e0d699adb3f8ca3e077a4db339de29ebb3f790fbc5f3f02e446e227ed40aa743",
    "certbot-0.10.2": "33729ce100fc9d00d9820c81fc3ef9b95802b8d261f0cca0cce422bc568b1631",
}


def source(version: str) -> Source:
    """The recipe's python-certbot with another version and pin."""
    ours = recipe_file.load(CHECKOUT / "backport.toml").source("python-certbot")
    stem = f"certbot-{version}"
    upstream = Upstream(f"{stem}.tar.gz", PINS[stem], pypi="certbot")
    return dataclasses.replace(ours, version=version, upstream=upstream)


def unpacked(of: Source, folder: Path, cache: Path | None = None) -> Path:
    assert of.upstream is not None
    tarball = fetch_upstream(of.upstream, cache or home() / "cache")
    return unpack(tarball, folder / f"{of.name}-{of.version}")


def patched(of: Source, tree: Path, series: str = "xenial") -> tuple[PatchReport, ...]:
    """Apply what the recipe has for that version and Ubuntu series."""
    quilt_series = quilt_series_file(of, series)
    assert quilt_series is not None
    patches = read_series(quilt_series)
    return apply_series(patches, [patch.name for patch in patches], tree)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_hunk_fits_the_version_exactly(version: str, tmp_path: Path) -> None:
    of = source(version)
    for series in of.series:
        reports = patched(of, unpacked(of, tmp_path / series), series)
        assert reports
        assert all(report.hunks and report.exact for report in reports)


def test_the_lock_is_the_same_in_every_version(tmp_path: Path) -> None:
    locks = set()
    for version in VERSIONS:
        tree = unpacked(source(version), tmp_path)
        patched(source(version), tree)
        locks.add((tree / "certbot/lock.py").read_bytes())
    assert len(locks) == 1


def test_the_copies_of_a_patch_make_the_same_changes() -> None:
    copies = sorted(source(VERSIONS[-1]).patches.glob("lock-renewal*.patch"))
    assert len(copies) == len(VERSIONS)
    assert len({without_places(copy) for copy in copies}) == 1


def without_places(patch: Path) -> tuple[str, ...]:
    """The lines of a patch's files and hunks, without the hunks' line numbers."""
    lines = patch.read_text().partition("\n---\n")[2].splitlines()
    assert any(line.startswith("@@") for line in lines)
    return tuple(line for line in lines if not line.startswith("@@"))


@pytest.mark.parametrize(("version", "lines"), [("0.10.0", 25), ("0.10.1", 23)])
def test_the_patches_of_another_version_are_refused(
    version: str, lines: int, tmp_path: Path
) -> None:
    of = source(version)
    tree = unpacked(of, tmp_path)
    patches = read_series(of.patches / "series")
    with pytest.raises(PatchError) as caught:
        apply_series(patches, [patch.name for patch in patches], tree)
    assert str(caught.value).startswith(
        "lock-renewal.patch: hunk 1 of certbot/renewal.py fits only with an offset, "
        f"{lines} lines further up: "
    )


def test_a_later_version_that_is_given_as_a_file_takes_the_same_patches(tmp_path: Path) -> None:
    tree = unpacked(source(VERSIONS[-1]), tmp_path)
    init = tree / "certbot/__init__.py"
    init.write_text(init.read_text().replace(VERSIONS[-1], "0.10.3"))
    tarball = make_tarball(tree, "certbot-0.10.3", tmp_path / "certbot-0.10.3.tar.gz")
    later = dataclasses.replace(
        source(VERSIONS[-1]),
        version="0.10.3",
        upstream=Upstream(tarball.name, sha256_of(tarball), path=str(tarball)),
    )
    unpatched = unpacked(later, tmp_path, tmp_path / "cache")
    assert "'0.10.3'" in (unpatched / "certbot/__init__.py").read_text()
    assert all(report.exact for report in patched(later, unpatched))
    patched(source(VERSIONS[-1]), tree)
    assert tree_hashes(unpatched) == tree_hashes(tree)
