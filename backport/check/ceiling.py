"""The toolchain ceiling: what a series' tools do not have yet, found before a build finds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from debian.debian_support import Version

from backport.check import finding
from backport.check.finding import Finding, Severity
from backport.check.tables import Entry
from backport.recipe.model import Published, Series

# Every tool that a rule compares with: the key in [series.NAME.toolchain], and its name.
TOOLS = {
    "debhelper": "debhelper",
    "dh-python": "dh-python",
    "dpkg": "dpkg",
    "init-system-helpers": "init-system-helpers",
    "systemd": "systemd",
    "apt": "apt",
    "python2": "Python 2",
    "python3": "Python 3",
    "policy": "Debian Policy",
}


@dataclass
class Ceiling:
    """The versions of one series' tools, and what was found above them."""

    series: str
    toolchain: Mapping[str, Published]
    findings: list[Finding] = field(default_factory=list)

    def has(self, tool: str, since: str) -> bool | None:
        """Whether the series' tool is of that version or a later one; None if not known."""
        known = self.toolchain.get(tool)
        if known is None or not known.version:
            return None
        return bool(Version(known.version) >= Version(since))

    def uses(
        self,
        rule: str,
        entry: Entry,
        place: str,
        what: str,
        *,
        advice: str = "",
        severity: Severity = "error",
        tool: str = "",
    ) -> None:
        """Note that `place` uses `what`, which came with `entry`.

        Parameters:
            tool: the tool that counts, if it is not the entry's.
        """
        tool = tool or entry.tool
        has = self.has(tool, entry.since)
        if has:
            return
        name = "Python" if tool in ("python2", "python3") else TOOLS.get(tool, tool)
        if has is None:
            self.findings.append(
                finding.make(
                    "toolchain-unknown",
                    "warning",
                    place,
                    f"{what} came with {name} {entry.since}, and which one {self.series} has is "
                    "not known",
                    f"write {tool} into the recipe's [series.{self.series}.toolchain]",
                )
            )
            return
        self.findings.append(
            finding.make(
                rule,
                severity,
                place,
                f"{what} came with {name} {entry.since}; {self.series} has {self._has(tool)}",
                advice or "do without it, or make it conditional",
                reference=entry.source,
            )
        )

    def never(self, rule: str, place: str, what: str, tool: str, advice: str) -> None:
        """Note that `place` uses `what`, which no version of the tool has that we know of."""
        self.findings.append(
            finding.make(
                rule,
                "error",
                place,
                f"{what}: no {TOOLS.get(tool, tool)} that the toolkit knows has it",
                advice,
            )
        )

    def not_known(self) -> tuple[Finding, ...]:
        """A note for every tool whose version in the series the recipe does not know."""
        return tuple(
            finding.make(
                "toolchain-unknown",
                "info",
                f"series {self.series}",
                f"not checked: no version known of {name} in {self.series}",
                f"write {key} into the recipe's [series.{self.series}.toolchain]",
            )
            for key, name in TOOLS.items()
            if not (self.toolchain.get(key) and self.toolchain[key].version)
        )

    def _has(self, tool: str) -> str:
        known = self.toolchain[tool]
        return known.version if known.confirmed else f"{known.version} (not confirmed)"


def of(series: Series) -> Ceiling:
    """The ceiling of a series of the recipe."""
    return Ceiling(series.name, series.toolchain)
