from __future__ import annotations

import pytest
from debian.debian_support import Version

from backport.check import tables
from backport.check.ceiling import TOOLS


@pytest.mark.parametrize("name", tables.names())
def test_every_entry_has_a_tool_that_is_compared_a_version_and_a_source(name: str) -> None:
    found = tables.load(name)
    assert found
    for table in found.values():
        assert table.entries
        for entry in table.entries.values():
            assert entry.tool in TOOLS
            assert str(Version(entry.since).upstream_version)
            assert entry.since[0].isdigit()
            assert entry.source
            assert "{" not in entry.source


def test_a_name_with_a_star_stands_for_all_that_begin_so() -> None:
    table = tables.load("debhelper")["relation"]
    assert table.find("dh-sequence-anything") is table.entries["dh-sequence-*"]
    assert table.find("dh-python") is None


def test_the_longest_beginning_counts() -> None:
    table = tables.load("systemd")["value"]
    entry = table.begins("ProtectSystem=strict")
    assert entry is not None
    assert entry.since == "232"
    assert table.begins("ProtectSystem=full") is None
