"""A finding: what one check has to say about one place, with the rule that it comes from."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from backport.check import rules
from backport.engine import records
from backport.errors import reading

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

# The name of the file with the findings in a check's folder.
FILE = "findings.json"


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    `rule` is a rule's name in `rules`, `place` the file (and line) or package it is about, `why`
    what is wrong there, `advice` what to do, `reference` where the rule is written. A finding
    that the pinned package has as well is not `new`; only a new error makes a check fail.
    """

    rule: str
    severity: Severity
    place: str
    why: str
    advice: str
    reference: str
    new: bool = True

    @property
    def fails(self) -> bool:
        """Whether a check fails because of it."""
        return self.new and self.severity == "error"


def make(
    rule: str, severity: Severity, place: str, why: str, advice: str, *, reference: str = ""
) -> Finding:
    """A new finding; without a `reference` it has its rule's.

    Raises:
        KeyError: there is no rule of that name.
    """
    return Finding(rule, severity, place, why, advice, reference or rules.RULES[rule].reference)


def mark_new(findings: Iterable[Finding], before: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, each marked as new or not, by those of the package without the update.

    The same rule with the same reason is the same finding wherever it stands, since lines move
    and versions are part of files' names; as many as there were before are not new.
    """
    had = Counter((one.rule, one.why) for one in before)
    marked = []
    for finding in findings:
        known = had[(finding.rule, finding.why)] > 0
        had[(finding.rule, finding.why)] -= known
        marked.append(dataclasses.replace(finding, new=not known))
    return tuple(marked)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What fails comes first, then by severity, rule and place; the same one is there once."""

    def rank(one: Finding) -> tuple[bool, int, str, str, str]:
        return not one.fails, SEVERITIES.index(one.severity), one.rule, one.place, one.why

    return tuple(sorted(dict.fromkeys(findings), key=rank))


def counts_text(findings: Iterable[Finding]) -> str:
    """How many new ones there are of each severity, such as ``2 errors, 1 warning``.

    >>> counts_text([])
    'no findings'
    """
    number = Counter(finding.severity for finding in findings if finding.new)
    words = {"error": "error", "warning": "warning", "info": "note"}
    parts = [
        f"{number[severity]} {words[severity]}{'s' * (number[severity] != 1)}"
        for severity in SEVERITIES
        if number[severity]
    ]
    return ", ".join(parts) or "no findings"


def write(findings: Iterable[Finding], path: Path) -> None:
    """Write the findings as JSON."""
    data = [dataclasses.asdict(finding) for finding in findings]
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> tuple[Finding, ...]:
    """The findings that `write` wrote.

    Raises:
        InputError: the file is not there, or is no such file.
    """
    advice = "check again with: backport check"
    with reading(path, what="the findings cannot be read", advice=advice):
        findings: tuple[Finding, ...] = records.decode(
            tuple[Finding, ...], records.read_json(path), "a finding"
        )
        for finding in findings:
            if finding.rule not in rules.RULES:
                raise ValueError(f"{finding.rule!r} is no rule")
        return findings
