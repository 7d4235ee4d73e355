"""The description of an SRU bug: its sections, and how the recipe's text goes into them.

The headings are those of Ubuntu's SRU documentation (reference/bug-template); the names that they
had before 2023 are known too, and get today's name when their section is set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backport.recipe.bug import BugText

ORIGINAL = "Original Description"
HIDDEN = "<email address hidden>"
_HEADING = re.compile(r"\s*\[\s*([A-Za-z][^\[\]]{1,60}?)\s*\]\s*")
# Launchpad's own pattern of what it hides from those who are not logged in (lp.services.utils).
_ADDRESS = re.compile(
    r"""\b[a-zA-Z0-9._/="'+-]{1,64}@[a-zA-Z][a-zA-Z0-9-]{1,63}\.[a-zA-Z0-9.-]{1,251}\b"""
)
_FORMER = {
    "test case": "Test Plan",
    "test cases": "Test Plan",
    "regression potential": "Where problems could occur",
    "where things could go wrong": "Where problems could occur",
    "other information": "Other Info",
}


@dataclass(frozen=True)
class BugSection:
    """A part of a description: its heading ("" before the first one), and its raw lines.

    `lines` has the heading's line first, where there is one.
    """

    heading: str
    lines: tuple[str, ...]

    @property
    def body(self) -> str:
        """The text below the heading."""
        return tidy("\n".join(self.lines[1:] if self.heading else self.lines))


def tidy(text: str) -> str:
    """Text as Launchpad keeps it: no carriage returns, no blanks at the ends of lines."""
    lines = (line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return "\n".join(lines).strip("\n").strip()


def hide(text: str) -> str:
    """Text as Launchpad shows it to those who are not logged in: without mail addresses.

    >>> hide("Jane <jane@example.org>, or joe@example.org.")
    'Jane <email address hidden>, or <email address hidden>.'
    """
    return _ADDRESS.sub(HIDDEN, text).replace(f"<{HIDDEN}>", HIDDEN)


def same(theirs: str, ours: str) -> bool:
    """Whether a text on Launchpad is ours: blanks are blanks, a hidden address is any address.

    >>> same("Ask\\xa0<email address hidden>.", "Ask <joe@example.org>.")
    True
    """
    theirs, ours = (tidy(text).replace("\xa0", " ") for text in (theirs, ours))
    return theirs == ours or (HIDDEN in theirs and theirs == hide(ours))


def sections(description: str) -> list[BugSection]:
    """The parts of a description; a line with nothing but ``[ NAME ]`` begins one.

    >>> [one.heading for one in sections("Before.\\n[Test Case]\\n1. Do it.")]
    ['', 'Test Case']
    """
    parts: list[BugSection] = []
    heading, lines = "", list[str]()
    for line in tidy(description).split("\n"):
        match = _HEADING.fullmatch(line)
        if match:
            parts.append(BugSection(heading, tuple(lines)))
            heading, lines = match[1], []
        lines.append(line)
    parts.append(BugSection(heading, tuple(lines)))
    return [part for part in parts if part.heading or part.body]


def name(heading: str) -> str:
    """Today's name of a heading.

    >>> name("regression  potential")
    'Where problems could occur'
    """
    plain = " ".join(heading.split())
    today = {one.lower(): one for one in ("Impact", *_FORMER.values())}
    return _FORMER.get(plain.lower(), today.get(plain.lower(), plain))


def merged(description: str, text: BugText) -> str:
    """The description with the recipe's sections; all other parts stay as they are.

    A section that is there is replaced in its place. Where none is there, the sections come first
    and what was there follows below a heading of its own.
    """
    wanted = {
        "Impact": text.impact,
        "Test Plan": text.test_plan,
        "Where problems could occur": text.problems,
        "Other Info": text.other_info,
    }
    wanted = {heading: tidy(body) for heading, body in wanted.items() if body}
    parts = sections(description)
    there = {name(part.heading) for part in parts}
    if not there & set(wanted):
        if parts and not parts[0].heading:
            first = (f"[ {ORIGINAL} ]", "", *parts[0].lines)
            parts[0] = BugSection(ORIGINAL, first)
        return _written([_section(*item) for item in wanted.items()] + parts)
    result: list[BugSection] = []
    left = dict(wanted)
    for part in parts:
        heading = name(part.heading)
        body = left.pop(heading, None)
        if body is None:
            result.append(part)
        else:
            kept = same(part.body, body) and " ".join(part.heading.split()) == heading
            result.append(part if kept else _section(heading, body))
    order = list(wanted)
    for heading, body in left.items():
        before = order[: order.index(heading)]
        # Below the ones that come before it, else at the first heading.
        places = [at + 1 for at, part in enumerate(result) if name(part.heading) in before]
        places = places or [at for at, part in enumerate(result) if part.heading][:1]
        result.insert(places[-1] if places else len(result), _section(heading, body))
    return _written(result)


def _section(heading: str, body: str) -> BugSection:
    return BugSection(heading, (f"[ {heading} ]", "", *body.split("\n")))


def _written(parts: list[BugSection]) -> str:
    return "\n\n".join(tidy("\n".join(part.lines)) for part in parts)
