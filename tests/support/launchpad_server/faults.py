"""A queue of faults: what goes wrong with which request, and how often."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["status", "reset", "close", "truncated", "html", "slow", "short", "json"]


@dataclass
class Fault:
    """One thing that goes wrong.

    `kind`: ``status`` answers with `status` and `body`; ``reset`` breaks the connection,
    ``close`` ends it without an answer;
    ``truncated`` sends half of the body under the full length; ``short`` sends half of the body
    as if it were whole; ``html`` answers 200 with a web page; ``json`` answers 200 with `body` as
    JSON, a character for each byte; ``slow`` waits `seconds` first.
    `on` is a pattern that is searched in ``METHOD /path?query``. `times` is how often, -1 for
    ever. With `after` the request is carried out first, and only the answer goes wrong.
    """

    kind: Kind
    on: str = ""
    times: int = 1
    status: int = 503
    body: str = "the stand-in was told to fail"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    after: bool = False


class Faults:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Queue faults; the first that matches a request is taken."""
        with self._lock:
            self._waiting += faults

    def take(self, request: str) -> Fault | None:
        """The fault for `request`, which is then used up by one."""
        with self._lock:
            for fault in self._waiting:
                if fault.times != 0 and re.search(fault.on, request):
                    fault.times -= 1
                    return fault
        return None

    def clear(self) -> None:
        """Forget the faults that are left: from now on all goes well."""
        with self._lock:
            self._waiting.clear()

    def left(self) -> list[Fault]:
        """The faults that no request has met (those of "for ever" are not counted)."""
        with self._lock:
            return [fault for fault in self._waiting if fault.times > 0]
