"""The tables of what each tool has had since which version, from the .toml files in data/.

A table is a TOML table with the key `tool` (the tool whose version counts), `source` (where that
is written; ``{since}`` and ``{tool}`` stand for the entry's) and, for each version, the list of
what came with it. A name that ends in ``*`` stands for all that begin so.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Entry:
    """One thing that a tool has had `since` a version; `source` is where that is written."""

    name: str
    tool: str
    since: str
    source: str


class Table:
    """The entries of one table, by name."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = entries
        self._starts = {name[:-1]: one for name, one in entries.items() if name.endswith("*")}

    def find(self, name: str) -> Entry | None:
        """The entry of that name, or the one with a ``*`` that its beginning fits."""
        if (found := self.entries.get(name)) is not None:
            return found
        return next((one for start, one in self._starts.items() if name.startswith(start)), None)

    def begins(self, text: str) -> Entry | None:
        """The entry whose name `text` begins with."""
        fitting = [one for name, one in self.entries.items() if text.startswith(name)]
        return max(fitting, key=lambda one: len(one.name), default=None)


@functools.cache
def load(name: str) -> Mapping[str, Table]:
    """The tables of the file data/NAME.toml, by name."""
    data = read(name)
    return {title: _table(table) for title, table in data.items() if "tool" in table}


@functools.cache
def read(name: str) -> Mapping[str, Any]:
    """The file data/NAME.toml as it is."""
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def names() -> tuple[str, ...]:
    """The names of all files of tables."""
    return tuple(sorted(path.stem for path in DATA.glob("*.toml")))


def _table(data: Mapping[str, Any]) -> Table:
    tool, source = data["tool"], data["source"]
    return Table(
        {
            name: Entry(name, tool, since, source.format(since=since, tool=tool))
            for since, found in data.items()
            if since not in ("tool", "source")
            for name in found
        }
    )
