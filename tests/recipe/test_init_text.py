from __future__ import annotations

import tomllib

import pytest

from backport.check.ceiling import TOOLS
from backport.recipe import init_text

TOOLCHAINS = tomllib.loads(init_text._TOOLCHAINS.read_text())


@pytest.mark.parametrize("series", TOOLCHAINS)
def test_every_version_of_a_tool_says_where_it_is_from(series: str) -> None:
    assert TOOLCHAINS[series].keys() <= TOOLS.keys()
    for tool, entry in TOOLCHAINS[series].items():
        assert entry["version"][0].isdigit(), tool
        assert entry.keys() in ({"version", "confirmed"}, {"version", "note"}), tool
