from __future__ import annotations

import tomllib

from debian.debian_support import Version

from backport.check import tables
from backport.check.ceiling import TOOLS
from backport.check.rules import RULES


def test_every_entry_has_a_rule_a_tool_that_is_compared_a_version_and_a_source() -> None:
    files = [tomllib.loads(path.read_text()) for path in tables.DATA.glob("*.toml")]
    for where in {table["where"] for file in files for table in file.values()}:
        assert tables.entries(where)
        for entry in tables.entries(where):
            assert entry.tool in TOOLS
            assert entry.rule in RULES
            assert Version(entry.since).upstream_version[0].isdigit()
            assert "{" not in entry.source
