"""Show a run: lines, on a terminal with what runs below them, or one JSON object a line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from backport.engine import records, verdict
from backport.engine.events import Event, Finished, Note, Planned, Sink, Started
from backport.engine.verdict import Passed
from backport.output import terminal


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
        from rich.console import Console  # noqa: PLC0415 - takes long to load

        from backport.run.live import Live  # noqa: PLC0415

        with Live(Console(file=terminal(out)), event_line) as live:
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
