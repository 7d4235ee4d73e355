"""The lines of makefiles, shell scripts and units, with their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a makefile or shell script, continued ones joined.

    What stands behind a ``#`` that begins a word is left out.

    >>> list(logical_lines("a: b \\\\\\n c # d\\n"))
    [(1, 'a: b  c ')]
    """
    start, held = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        bare = re.sub(r"(?:^|(?<=\s))#.*", "", line)
        held += bare.removesuffix("\\")
        if not bare.endswith("\\"):
            yield start, held
            start, held = 0, ""
    if held:
        yield start, held


def directives(unit: str) -> Iterator[tuple[int, str, str]]:
    """The line, name and value of each directive of a unit that has a meaning for systemd."""
    section = ""
    for number, line in logical_lines(unit):
        name, equals, value = line.strip().partition("=")
        if name.startswith(";"):
            continue
        if name.startswith("["):
            section = name
        # X-… is for others, as man systemd.syntax says; it has no meaning for systemd.
        elif equals and not section.startswith("[X-") and not name.startswith("X-"):
            yield number, name.strip(), value.strip()
