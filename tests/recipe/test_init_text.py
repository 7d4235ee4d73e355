from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from backport.check.ceiling import TOOLS
from backport.errors import RecipeError, UsageError
from backport.recipe import init_text

TOOLCHAINS = tomllib.loads(init_text._TOOLCHAINS.read_text())


@pytest.mark.parametrize("series", TOOLCHAINS)
def test_every_version_of_a_tool_says_where_it_is_from(series: str) -> None:
    assert TOOLCHAINS[series].keys() <= TOOLS.keys()
    for tool, entry in TOOLCHAINS[series].items():
        assert entry["version"][0].isdigit(), tool
        assert entry.keys() in ({"version", "confirmed"}, {"version", "note"}), tool


def test_a_first_recipe_that_the_loader_refuses_is_not_written(tmp_path: Path) -> None:
    recipe = tmp_path / "new" / "backport.toml"
    with pytest.raises(RecipeError):
        init_text.write(recipe, "[update]\n", {"patches/x/series": "", "run!": "#!/bin/sh\n"})
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine\n")
    with pytest.raises(UsageError, match="run: there is such a file already"):
        init_text.write(tmp_path / "backport.toml", "", {"run!": ""})
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
