"""The shipped recipe on pinned packages, which our own packaging stands for: all is explained."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from backport.check import changes
from backport.recipe import reader
from backport.recipe.model import PinnedDsc, Recipe, Series, Source
from backport.recipe.versions import published_version, with_versions
from backport.source.fetch import fetch_upstream
from backport.source.files import sha256_of
from backport.source.package import make
from tests.e2e.own_pinned import make_pinned
from tests.e2e.support import CHECKOUT
from tests.support.systems import home

RECIPE = reader.load(CHECKOUT / "backport.toml")
PAIRS = [(source, series) for source in RECIPE.sources for series in source.series]


def unpacked(dsc: Path, folder: Path) -> Path:
    command = ["dpkg-source", "--no-check", "--skip-patches", "-x", dsc, folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def made(recipe: Recipe, source: Source, series: Series, dsc: Path, folder: Path) -> Path:
    pin = PinnedDsc(source.debian_version, dsc.name, sha256_of(dsc), path=str(dsc))
    based = with_versions(recipe, dataclasses.replace(source, pinned=pin), series)
    version, _ = published_version(based, series)
    package = make(recipe, based, series, version, orig=None, pinned_dsc=dsc, out=folder / "out")
    return package.dsc


@pytest.mark.parametrize(("source", "series"), PAIRS, ids=lambda one: getattr(one, "name", one))
def test_the_changelog_speaks_of_every_change_of_the_pinned_package(
    tmp_path: Path, source: Source, series: str
) -> None:
    assert source.upstream is not None
    fetched = fetch_upstream(source.upstream, home() / "cache").parent
    dsc = make_pinned(source, fetched, tmp_path)
    old = unpacked(dsc, tmp_path / "old")
    new = unpacked(made(RECIPE, source, RECIPE.one_series(series), dsc, tmp_path), tmp_path / "new")
    spoken = changes.new_entries((new / "debian/changelog").read_text(), source.debian_version)
    patches = changes.patches(changes.quilt(new), changes.quilt(old), spoken)
    found = changes.packaging(old, new, spoken) + patches
    assert [f"{one.place}: {one.why}" for one in found] == []
    # Without the recipe's items they are found.
    assert changes.packaging(old, new, "Backport.") != ()
