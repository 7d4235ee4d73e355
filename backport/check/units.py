"""The ceiling of systemd's units: directives and values that the series' systemd does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backport.check import tables
from backport.check.ceiling import Ceiling

SUFFIXES = (".service", ".socket", ".timer", ".path", ".mount", ".automount", ".slice", ".target")
# Where a package has its units, and files with additions to units.
INSTALLED = re.compile(r"(?:usr/)?lib/systemd/(?:system|user)/[^/]+(?:\.d/[^/]+\.conf)?$")


def check(text: str, place: str, ceiling: Ceiling) -> None:
    """Compare one unit file with the ceiling; the findings are in `ceiling`.

    Parameters:
        place: the unit's file, as a finding names it.
    """
    systemd = tables.load("systemd")
    advice = "leave it out in this series, or say why the unit does without it"
    for line, directive, value in directives(text):
        where = f"{place}:{line}"
        if (entry := systemd["directive"].find(directive)) is not None:
            ceiling.uses("newer-unit-directive", entry, where, f"{directive}=", advice=advice)
        words = f"{directive}={value.lstrip('-@')}"
        if (entry := systemd["value"].begins(words)) is not None:
            ceiling.uses("newer-unit-directive", entry, where, entry.name, advice=advice)


def directives(text: str) -> Iterator[tuple[int, str, str]]:
    """The line, name and value of each directive of a unit that has a meaning for systemd."""
    held, start, section = "", 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        if not held and line.lstrip()[:1] in ("#", ";"):
            start = 0
            continue
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        whole, first = (held + line).strip(), start
        held, start = "", 0
        if whole.startswith("["):
            section = whole
        directive, equals, value = whole.partition("=")
        # X-… is for others, as man systemd.syntax says; it has no meaning for systemd.
        if not equals or section.startswith("[X-") or directive.startswith("X-"):
            continue
        yield first, directive.strip(), value.strip()
