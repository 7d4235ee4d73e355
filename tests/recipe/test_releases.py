from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from backport.recipe.releases import debian_of_its_time, mirror, releases

UBUNTU = """\
version,codename,series,created,release,eol,eol-server,eol-esm
6.06 LTS,D,dapper,2005-10-12,2006-06-01,2009-07-14,2011-06-01
16.04 LTS,X,xenial,2015-10-22,2016-04-21,2021-04-30,2021-04-30,2026-04-23
24.04 LTS,N,noble,2023-10-12,2024-04-25,2029-05-31,2029-05-31,2034-04-25
26.10,S,soon,2026-04-23
"""
DEBIAN = """\
version,codename,series,created,release,eol
10,Buster,buster,2017-06-17,2019-07-06,2022-09-10
11,Bullseye,bullseye,2019-07-06,2021-08-14,2024-08-14
12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11
13,Trixie,trixie,2023-06-10,2025-08-09,2028-08-09
14,Forky,forky,2025-08-09
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    (tmp_path / "ubuntu.csv").write_text(UBUNTU)
    (tmp_path / "debian.csv").write_text(DEBIAN)
    return tmp_path


def test_the_series_table_is_read_or_the_small_one_serves(tables: Path) -> None:
    assert releases(tables) == {
        "dapper": "06.06",
        "xenial": "16.04",
        "noble": "24.04",
        "soon": "26.10",
    }
    missing = releases(tables / "nothing")
    assert (missing["yakkety"], missing["zesty"]) == ("16.10", "17.04")


@pytest.mark.parametrize(
    ("series", "day", "host"),
    [
        ("dapper", date(2026, 1, 1), "old-releases"),
        ("xenial", date(2026, 4, 23), "archive"),
        ("xenial", date(2026, 4, 24), "old-releases"),
        ("noble", date(2026, 4, 24), "archive"),
    ],
)
def test_a_series_is_in_the_archive_as_long_as_it_has_support(
    tables: Path, series: str, day: date, host: str
) -> None:
    assert mirror(series, day, tables) == f"http://{host}.ubuntu.com/ubuntu"


@pytest.mark.parametrize("series", ["soon", "unknown"])
def test_of_an_end_that_is_not_known_no_archive_is_named(tables: Path, series: str) -> None:
    assert mirror(series, date(2026, 11, 30), tables) == ""
    assert mirror("noble", date(2026, 11, 30), tables / "nothing") == ""


@pytest.mark.parametrize(
    ("series", "debian"),
    [("xenial", "bullseye"), ("noble", "bookworm"), ("soon", "bullseye"), ("gone", "bullseye")],
)
def test_the_stand_in_is_debians_release_of_the_series_time(
    tables: Path, series: str, debian: str
) -> None:
    assert debian_of_its_time(series, tables) == debian
