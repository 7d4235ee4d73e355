"""The shipped packaging under the ceiling of its oldest series."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backport.check import packaging
from backport.check.ceiling import Ceiling
from backport.recipe import reader
from backport.recipe.model import Source
from backport.source.overlay import lay_over

RECIPE = reader.load(Path(__file__).resolve().parents[2] / "backport.toml")
OLDEST = RECIPE.series[0]
SOURCES = [one for one in RECIPE.sources if one.base is None and OLDEST.name in one.series]


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: one.name)
def test_the_packaging_asks_for_nothing_above_its_series(tmp_path: Path, source: Source) -> None:
    shutil.copytree(source.patches / "debian", tmp_path / "debian")
    said = {"VERSION": "1", "SERIES": OLDEST.name, "MAINTAINER": "A <a@b.c>", "DATE": RECIPE.date}
    lay_over(source, OLDEST.name, tmp_path / "debian", said)
    limit = Ceiling(OLDEST.name, OLDEST.toolchain)
    packaging.check_tree(tmp_path, limit)
    assert [one for one in limit.findings if one.severity == "error"] == []
