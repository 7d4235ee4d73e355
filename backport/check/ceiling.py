"""The toolchain ceiling: what a series' tools do not have yet, found before a build finds it.

The tables of data/*.toml say what each tool has had since which version.
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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from debian.debian_support import Version

from backport.check import finding
from backport.check.finding import Finding, Severity
from backport.recipe.model import Published, Tool

DATA = Path(__file__).parent / "data"
_KEYS = ("tool", "source", "where", "rule", "form", "what", "severity")
_NAMES = {"python2": "Python 2", "python3": "Python 3", "policy": "Debian Policy"}
TOOLS: dict[Tool, str] = {tool: _NAMES.get(tool, tool) for tool in get_args(Tool)}
"""Every tool that a rule compares with: the key in [series.NAME.toolchain], and its name."""


@dataclass(frozen=True)
class Entry:
    """Something that a tool has had `since` a version, and the rule that its use may break.

    `what` is how a finding names it, `source` where that version is written.
    """

    rule: str
    what: str
    tool: Tool
    since: str
    source: str
    severity: Severity = "error"
    form: re.Pattern[str] = re.compile("")


@dataclass
class Ceiling:
    """The versions of one series' tools, and what was found above them."""

    series: str
    toolchain: Mapping[Tool, Published]
    findings: list[Finding] = field(default_factory=list)

    def has(self, tool: Tool, since: str) -> bool | None:
        """Whether the series' tool is of that version or a later one; None if not known."""
        known = self.toolchain.get(tool)
        if known is None or not known.version:
            return None
        return bool(Version(known.version) >= Version(since))

    def check(self, where: str, place: str, lines: Iterable[tuple[int, str]]) -> None:
        """Note every use of an entry of the tables about texts of this kind.

        Parameters:
            place: the file, as a finding names it.
            lines: the text with the numbers of its lines; 0 for what has none.
        """
        for number, line in lines:
            for entry in entries(where):
                if entry.form.search(line):
                    self.uses(entry, f"{place}:{number}" if number else place)

    def uses(self, entry: Entry, place: str) -> None:
        """Note that `place` uses what came with `entry`."""
        has, tool = self.has(entry.tool, entry.since), entry.tool
        if has:
            return
        name = "Python" if tool in ("python2", "python3") else TOOLS[tool]
        came = f"{entry.what} came with {name} {entry.since}"
        if has is None:
            why = f"{came}, and which one {self.series} has is not known"
            new = finding.make("toolchain-unknown", "warning", place, why, self._write(tool))
        else:
            known = self.toolchain[tool]
            version = known.version if known.confirmed else f"{known.version} (not confirmed)"
            why, advice = f"{came}; {self.series} has {version}", "do without it in this series"
            new = finding.make(
                entry.rule, entry.severity, place, why, advice, reference=entry.source
            )
        self.findings.append(new)

    def not_known(self) -> tuple[Finding, ...]:
        """A note for every tool whose version in the series the recipe does not know."""
        place = f"series {self.series}"
        return tuple(
            finding.make(
                "toolchain-unknown",
                "info",
                place,
                f"not checked: no version known of {name} in {self.series}",
                self._write(key),
            )
            for key, name in TOOLS.items()
            if not (self.toolchain.get(key) and self.toolchain[key].version)
        )

    def _write(self, tool: str) -> str:
        return f"write {tool} into the recipe's [series.{self.series}.toolchain]"


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
