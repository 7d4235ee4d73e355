from __future__ import annotations

from pathlib import Path

from backport.recipe.releases import releases


def test_the_series_table_is_read_or_the_small_one_serves(tmp_path: Path) -> None:
    table = tmp_path / "ubuntu.csv"
    table.write_text("version,codename,series\n6.06 LTS,D,dapper\n16.04 LTS,X,xenial\n")
    assert releases(table) == {"dapper": "06.06", "xenial": "16.04"}
    missing = releases(tmp_path / "nothing.csv")
    assert missing["yakkety"] == "16.10"
    assert missing["zesty"] == "17.04"
