"""The checklist as data: what is done, by what evidence, what is missing, who has to do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["done", "missing", "person", "unknown"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Item:
    """A line of the checklist.

    `state` is done, missing, person (only a person can do it) or unknown (nobody here can tell).
    `place` is the series, source or bug it is about; `why` says what is known, `evidence` by
    which file (a path in the evidence, with a log's `sha256`) or address, `advice` what to do
    next, and `rule` where it is written.
    """

    state: State
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

    def count(self, state: State) -> int:
        """How many lines have that state."""
        return sum(item.state == state for item in self.items)
