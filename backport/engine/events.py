"""What a run tells while it goes on. The table, the lines and the JSON all read these."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backport.engine.step import Step, StepId
from backport.engine.store import Result


@dataclass(frozen=True)
class Planned:
    """The run begins with these steps, of which `jobs` run at once.

    `seconds` is how long each may take; it is empty where none of them ever ran.
    """

    steps: tuple[Step, ...]
    base: str
    seconds: Mapping[StepId, float] = field(default_factory=dict)
    jobs: int = 1


@dataclass(frozen=True)
class Started:
    """A step begins."""

    step: Step
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Finished:
    """A step has ended, or was up to date (`result.reused`), or could not begin."""

    step: Step
    result: Result


@dataclass(frozen=True)
class Note:
    """Something that the user should read, in one sentence."""

    text: str


Event = Planned | Started | Finished | Note
Sink = Callable[[Event], None]
