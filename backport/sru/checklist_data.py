"""The checklist as data and as text: what is done, by what evidence, and what is missing."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal, get_args

ItemState = Literal["done", "missing", "person", "unknown"]
STATES: tuple[ItemState, ...] = get_args(ItemState)
_SIGNS = {"done": "[x]", "missing": "[ ]", "person": "[P]", "unknown": "[?]"}
_WIDTH = 98


@dataclass(frozen=True)
class Item:
    """A line of the checklist.

    `state` is done, missing, person (only a person can do it) or unknown (nobody here can tell).
    `place` is the series, source or bug it is about; `why` says what is known, `evidence` by
    which file (a path in the evidence, with a log's `sha256`) or address, `advice` what to do
    next, and `rule` where it is written.
    """

    state: ItemState
    place: str
    what: str
    why: str
    rule: str
    evidence: str = ""
    sha256: str = ""
    advice: str = ""


@dataclass(frozen=True)
class TagChange:
    """A tag that is proposed: set `add` and remove `remove`."""

    series: str
    add: str
    remove: tuple[str, ...]


@dataclass(frozen=True)
class Checklist:
    """The checklist of an update.

    `evidence` is the name of the evidence that it is about, `sha256` its archive's; `asked` is
    when Launchpad was asked (ISO 8601), "" if it was not; `record` and `record_sha256` the file
    beside the evidence with all that it said then. `tags` are proposed only where all that they
    say is proved.
    """

    bug: int
    evidence: str
    sha256: str
    asked: str
    items: tuple[Item, ...]
    tags: tuple[TagChange, ...] = ()
    record: str = ""
    record_sha256: str = ""

    def count(self, state: ItemState) -> int:
        """How many lines have that state."""
        return sum(item.state == state for item in self.items)


def as_text(made: Checklist, *, quiet: bool = False) -> str:
    """The checklist for a person at a terminal, by place; with `quiet` only what is not done."""
    lines = [f"Checklist of LP: #{made.bug}, by the evidence {made.evidence}", ""]
    place = ""
    for item in made.items:
        if quiet and item.state == "done":
            continue
        if item.place != place:
            place = item.place
            lines.append(place)
        lines += _item(item)
    counted = ", ".join(f"{made.count(state)} {state}" for state in STATES)
    lines += ["", f"{counted}.  [x] done, [ ] missing, [P] for a person, [?] not known here"]
    if not made.asked:
        lines.append("Launchpad was not asked.")
    for change in made.tags:
        lines.append(f"Proposed: {change.add}, in place of {', '.join(change.remove)}.")
    if not made.tags:
        lines.append("No tag is proposed.")
    return "\n".join(lines)


def _item(item: Item) -> list[str]:
    lines = textwrap.wrap(
        f"{item.what}. {item.why} {item.advice}".rstrip(),
        _WIDTH,
        initial_indent=f"  {_SIGNS[item.state]} ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    if item.evidence and (item.state != "done" or item.sha256):
        lines.append(f"      by {item.evidence}{f', sha256 {item.sha256}' if item.sha256 else ''}")
    return lines
