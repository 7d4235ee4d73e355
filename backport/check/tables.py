"""The tables of what each tool has had since which version, from the .toml files in data/.

A table has the keys `tool` (the tool whose version counts), `source` (where that is written;
``{since}`` stands for the version), `where` (which texts it is about), `rule` and, for each
version, the list of what came with it. `form` is the regular expression of a use, in which NAME
stands for the name in the list; without it a use is the name's words, in this order, in one
command. A ``*`` in a name stands for the rest of a word. `what` is how a finding names a use.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backport.check.finding import Severity

DATA = Path(__file__).parent / "data"
_KEYS = ("tool", "source", "where", "rule", "form", "what", "severity")


@dataclass(frozen=True)
class Entry:
    """Something that a tool has had `since` a version, and the rule that its use may break.

    `what` is how a finding names it, `source` where that version is written.
    """

    rule: str
    what: str
    tool: str
    since: str
    source: str
    severity: Severity = "error"
    form: re.Pattern[str] = re.compile("")


@functools.cache
def entries(where: str) -> tuple[Entry, ...]:
    """The entries of all tables about texts of one kind, such as ``rules`` or ``unit``."""
    files = (tomllib.loads(path.read_text("utf-8")) for path in sorted(DATA.glob("*.toml")))
    tables = [table for file in files for table in file.values() if table["where"] == where]
    return tuple(entry for table in tables for entry in _of_table(table))


def _of_table(table: Mapping[str, Any]) -> Iterator[Entry]:
    for since in (key for key in table if key not in _KEYS):
        source = table["source"].format(since=since)
        for name in table[since]:
            words = [re.escape(word).replace(r"\*", r"[\w:.+-]*") for word in name.split()]
            between = r"(?![\w-])[^;&|]*?(?<![\w-])".join(words)
            form = table.get("form", r"(?<![\w-])NAME(?![\w-])").replace("NAME", between)
            what = table.get("what", "NAME").replace("NAME", name)
            yield Entry(
                table["rule"],
                what,
                table["tool"],
                since,
                source,
                table.get("severity", "error"),
                re.compile(form),
            )
