"""The steps that run, on a terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn

from backport.engine import verdict
from backport.engine.events import Event, Finished, Planned, Started
from backport.engine.step import StepId
from backport.output import printable

_STYLES = {"passed": "green", "failed": "bold red", "skipped": "yellow", "broken": "bold magenta"}


class Live(Progress):
    """The steps that run and for how long, below the lines of what has ended.

    Parameters:
        line: an event as one line; "" for what need not be said.
    """

    def __init__(self, console: Console, line: Callable[[Event], str]) -> None:
        columns = (TextColumn("{task.description}"), TimeElapsedColumn())
        super().__init__(*columns, console=console, transient=True)
        self._line = line
        self._running: dict[StepId, TaskID] = {}
        self._ended = self._number = 0
        self._jobs = 1
        self._waiting: dict[StepId, float] = {}  # how long each may take that has not begun
        self._due: dict[StepId, float] = {}  # when each that runs may end
        self.add_task("", total=None)

    def show(self, event: Event) -> None:
        """Take an event in."""
        style = None
        match event:
            case Planned(steps, _, seconds, jobs):
                self._number, self._jobs = len(steps), jobs
                self._waiting = dict(seconds)
            case Started(step, at):
                name = escape(printable(str(step.id)))
                self._running[step.id] = self.add_task(name, total=None)
                if step.id in self._waiting:
                    self._due[step.id] = at + self._waiting.pop(step.id)
            case Finished(step, result):
                self._ended += 1
                self._waiting.pop(step.id, None)
                self._due.pop(step.id, None)
                style = _STYLES[verdict.kind(result.verdict)]
                if (task := self._running.pop(step.id, None)) is not None:
                    self.remove_task(task)
        if not isinstance(event, Started) and (line := self._line(event)):
            self.console.print(printable(line), style=style, markup=False, highlight=False)

    def whole(self, now: float) -> str:
        """How many steps have ended, and about how long the others take from `now` on.

        No number of jobs ends a run before the longest of the steps that run.
        """
        # A thread of its own draws this: each list is a copy.
        running = [max(0.0, due - now) for due in [*self._due.values()]]
        left = max((sum([*self._waiting.values()]) + sum(running)) / self._jobs, *running, 0.0)
        ended = f"{self._ended} of {self._number} steps"
        return f"{ended}, about {math.ceil(left / 60)} min left" if left else ended

    def get_renderables(self) -> Iterable[RenderableType]:
        """What is drawn, several times a second."""
        for first in self.tasks[:1]:  # none yet where rich begins
            first.description = self.whole(time.time())
        return super().get_renderables()
