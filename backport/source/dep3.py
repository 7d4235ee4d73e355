"""A patch's header, by DEP-3 (https://dep-team.pages.debian.net/deps/dep3/)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(.*)")
_LP = re.compile(r"\bLP:\s*#\d+|bugs\.launchpad\.net/\S*\d+|launchpad\.net/bugs/\d+", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Dep3:
    """A patch's header: what it does, who made it or where it is from, and its bug."""

    description: str
    author: str
    origin: str
    bug: str
    fields: tuple[tuple[str, str], ...] = ()


def read(header: str) -> Dep3:
    """Read the text above a patch's first file.

    Fields may stand in any paragraph that begins with one, so that what git format-patch
    writes, with more fields below the message, is read as well.
    """
    fields: list[tuple[str, str]] = []
    for paragraph in re.split(r"\n\s*\n", header.strip("\n")):
        lines = [
            line
            for line in paragraph.split("\n")
            if not line.startswith(("#", "---", "diff ", "index ", "Index: ", "===="))
        ]
        if lines and lines[0].startswith("From ") and ":" not in lines[0].partition(" ")[0]:
            lines = lines[1:]
        if lines and _FIELD.match(lines[0]):
            fields += _fields(lines)
    named = {name.lower(): value for name, value in reversed(fields)}
    bug = next((value for name, value in fields if name.lower() == "bug-ubuntu"), "")
    if not bug and (match := _LP.search(header)):
        bug = match[0]
    return Dep3(
        description=(named.get("description") or named.get("subject") or "").strip(),
        author=(named.get("author") or named.get("from") or "").strip(),
        origin=named.get("origin", "").strip(),
        bug=bug.strip(),
        fields=tuple(fields),
    )


def _fields(lines: Sequence[str]) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value}\n{line.strip()}")
        elif match := _FIELD.match(line):
            fields.append((match[1], match[2].strip()))
    return fields


def faults(header: Dep3) -> tuple[str, ...]:
    """What the header lacks, each as words that go after "the header"; none is well."""
    lacking = []
    if not header.description:
        lacking.append("has no Description or Subject")
    if not (header.author or header.origin):
        lacking.append("has no Author, From or Origin")
    if not header.bug:
        lacking.append("refers to no Launchpad bug (Bug-Ubuntu or LP: #N)")
    for name, value in header.fields:
        if name.lower() == "last-update" and not _DATE.fullmatch(value.strip()):
            lacking.append(f"has a Last-Update that is no date: {value.strip()!r}")
    return tuple(lacking)
