"""Show a run: lines, on a terminal with what runs below them, or one JSON object a line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn

from backport.engine import verdict
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
                **verdict.to_json(result.verdict),
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
        columns = (TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=terminal(out)), transient=True) as progress:
            yield Live(progress).show
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


class Live:
    """The steps that run and for how long, below the lines of what has ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._running: dict[StepId, TaskID] = {}
        self._ended = self._number = 0
        self._whole = progress.add_task("", total=None)

    def show(self, event: Event) -> None:
        """Take an event in."""
        style = None
        match event:
            case Planned(steps, _):
                self._number = len(steps)
            case Started(step, _):
                name = escape(printable(str(step.id)))
                self._running[step.id] = self._progress.add_task(name, total=None)
            case Finished(step, result):
                self._ended += 1
                style = _STYLES[verdict.kind(result.verdict)]
                if (task := self._running.pop(step.id, None)) is not None:
                    self._progress.remove_task(task)
        whole = f"{self._ended} of {self._number} steps"
        self._progress.update(self._whole, description=whole)
        if not isinstance(event, Started) and (line := event_line(event)):
            self._progress.console.print(
                printable(line), style=style, markup=False, highlight=False
            )
