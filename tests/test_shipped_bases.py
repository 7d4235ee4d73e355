"""The shipped recipe on pinned bases, which our own packaging stands for: all is explained."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from backport.check import changes
from backport.recipe import reader
from backport.recipe.model import BasePin, Recipe, Series, Source
from backport.recipe.versions import published_version, with_versions
from backport.source.fetch import fetch_upstream
from backport.source.files import sha256_of
from backport.source.package import make
from backport.source.tarball import unpack
from tests.e2e.support import CHECKOUT, home

RECIPE = reader.load(CHECKOUT / "backport.toml")
PAIRS = [(source, series) for source in RECIPE.sources for series in source.series]
DEBIANS = "Debian Maintainers <maintainers@example.org>"


def base_of(source: Source, folder: Path) -> Path:
    """A .dsc like the archive's: upstream's tarball and our own packaging, by Debian."""
    assert source.upstream is not None
    tarball = fetch_upstream(source.upstream, home() / "cache")
    shutil.copy(tarball, folder / f"{source.name}_{source.version}.orig.tar.gz")
    tree = unpack(tarball, folder / "tree")
    shutil.rmtree(tree / "debian", ignore_errors=True)
    shutil.copytree(source.patches / "debian", tree / "debian")
    for control in (tree / "debian").glob("control*"):
        text = control.read_text()
        ours = "Maintainer: Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>"
        assert ours in text
        control.write_text(text.replace(ours, f"Maintainer: {DEBIANS}"))
    (tree / "debian/changelog").write_text(
        f"{source.name} ({source.debian_version}) unstable; urgency=medium\n\n"
        f"  * New upstream release.\n\n -- {DEBIANS}  {RECIPE.date}\n"
    )
    done = ["dpkg-source", "-b", tree.name]
    subprocess.run(done, cwd=folder, check=True, capture_output=True)
    return folder / f"{source.name}_{source.debian_version}.dsc"


def unpacked(dsc: Path, folder: Path) -> Path:
    command = ["dpkg-source", "--no-check", "--skip-patches", "-x", dsc, folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def made(recipe: Recipe, source: Source, series: Series, dsc: Path, folder: Path) -> Path:
    pin = BasePin(source.debian_version, dsc.name, sha256_of(dsc), path=str(dsc))
    based = with_versions(recipe, dataclasses.replace(source, base=pin), series)
    version, _ = published_version(based, series)
    package = make(recipe, based, series, version, orig=None, base_dsc=dsc, out=folder / "out")
    return package.dsc


@pytest.mark.parametrize(("source", "series"), PAIRS, ids=lambda one: getattr(one, "name", one))
def test_the_changelog_speaks_of_every_change_of_the_base(
    tmp_path: Path, source: Source, series: str
) -> None:
    dsc = base_of(source, tmp_path)
    old = unpacked(dsc, tmp_path / "old")
    new = unpacked(made(RECIPE, source, RECIPE.one_series(series), dsc, tmp_path), tmp_path / "new")
    spoken = changes.new_entries((new / "debian/changelog").read_text(), source.debian_version)
    patches = changes.patches(changes.quilt(new), changes.quilt(old), spoken)
    found = changes.packaging(old, new, spoken) + patches
    assert [f"{one.place}: {one.why}" for one in found] == []
    # Without the recipe's items they are found.
    assert changes.packaging(old, new, "Backport.") != ()
