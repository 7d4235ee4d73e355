"""Show a run: lines, on a terminal with what runs below them, or one JSON object a line."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn

from backport.engine import records, verdict
from backport.engine.events import Event, Finished, Note, Planned, Sink, Started
from backport.engine.step import StepId
from backport.engine.verdict import Passed
from backport.output import printable, terminal

_STYLES = {"passed": "green", "failed": "bold red", "skipped": "yellow", "broken": "bold magenta"}


def event_json(event: Event) -> dict[str, Any]:
    """An event as JSON data: ``event``, ``step`` and what belongs to it."""
    match event:
        case Planned(steps, base):
            return {"event": "planned", "steps": [str(step.id) for step in steps], "base": base}
        case Started(step, at):
            return {"event": "started", "step": str(step.id), "at": round(at, 3)}
        case Finished(step, result):
            return {
                "event": "finished",
                "step": str(step.id),
                **records.encode(result.verdict),
                "seconds": round(result.seconds, 1),
                "reused": result.reused,
            }
        case Note(text):
            return {"event": "note", "text": text}


def event_line(event: Event) -> str:
    """An event as one line for a person; "" for what need not be said."""
    match event:
        case Planned(steps, base):
            return f"{len(steps)} steps on the base {base}" if base else f"{len(steps)} steps"
        case Started(step, at):
            return f"{_clock(at)} {step.id} …"
        case Finished(step, result):
            if result.reused and isinstance(result.verdict, Passed):
                return ""
            reason = verdict.text(result.verdict)
            ended = f"{step.id}: {verdict.kind(result.verdict)} ({result.seconds:.0f} s)"
            return f"{_clock(time.time())} {ended}{': ' + reason if reason else ''}"
        case Note(text):
            return f"note: {text}"


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


@contextmanager
def shown(how: str, stream: TextIO | None = None) -> Iterator[Sink]:
    """A sink for the events of a run.

    Parameters:
        how: ``table`` (lines, and below them the steps that run), ``lines``, ``json`` or ``quiet``
            (notes and what did not pass only).
        stream: where to, stdout without it.
    """
    out = stream or sys.stdout
    if how == "table":
        with Live(Console(file=terminal(out))) as live:
            yield live.show
    elif how == "json":
        yield lambda event: print(json.dumps(event_json(event)), file=out, flush=True)
    else:
        yield lambda event: _print_line(event, out, quiet=how == "quiet")


def _print_line(event: Event, out: TextIO, *, quiet: bool) -> None:
    passed = isinstance(event, Finished) and isinstance(event.result.verdict, Passed)
    if quiet and (passed or isinstance(event, (Planned, Started))):
        return
    line = event_line(event)
    if line:
        print(line, file=out, flush=True)


class Live(Progress):
    """The steps that run and for how long, below the lines of what has ended."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), TimeElapsedColumn())
        super().__init__(*columns, console=console, transient=True)
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
        if not isinstance(event, Started) and (line := event_line(event)):
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
