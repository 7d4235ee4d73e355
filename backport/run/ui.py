"""Show a run: a live table on a terminal, lines elsewhere, or one JSON object a line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from backport.engine import verdict
from backport.engine.events import Event, Finished, Note, Planned, Sink, Started
from backport.engine.step import StepId
from backport.engine.verdict import Passed
from backport.output import printable, terminal

_STYLES = {"passed": "green", "failed": "bold red", "skipped": "yellow", "broken": "bold magenta"}
_COLUMNS = ("source", "build", "check", "test")


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
        how: ``table``, ``lines``, ``json`` or ``quiet`` (notes and what did not pass only).
        stream: where to, stdout without it.
    """
    out = stream or sys.stdout
    if how == "table":
        live = LiveTable(Console(file=terminal(out)))
        with live.live:
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


class LiveTable:
    """One row a series and source, with how its source package, build and tests stand."""

    def __init__(self, console: Console) -> None:
        self._steps: tuple[StepId, ...] = ()
        self._running: dict[StepId, float] = {}
        self._ended: dict[StepId, Finished] = {}
        self._notes: list[str] = []
        self._base = ""
        self.live = Live(console=console, get_renderable=self._render, refresh_per_second=2)

    def show(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case Planned(steps, base):
                self._steps = tuple(step.id for step in steps)
                self._base = base
            case Started(step, at):
                self._running[step.id] = at
            case Finished(step, _):
                self._running.pop(step.id, None)
                self._ended[step.id] = event
            case Note(text):
                self._notes.append(text)

    def _render(self) -> Table:
        title = escape(printable(f"base: {self._base}")) if self._base else None
        table = Table(title=title, title_justify="left")
        checked = any(step.kind == "check" for step in self._steps)
        columns = [column for column in _COLUMNS if checked or column != "check"]
        for heading in ("series", "source package", *columns):
            table.add_column(heading)
        rows: dict[tuple[str, str], dict[str, list[StepId]]] = {}
        for step in self._steps:
            if step.kind in _COLUMNS:
                cells = rows.setdefault((step.series, step.source), {})
                cells.setdefault(step.kind, []).append(step)
            else:
                row = f"{step.kind} {step.source}".strip()
                rows.setdefault((step.series, row), {})["source"] = [step]
        for (series, source), cells in sorted(rows.items(), key=lambda row: row[0]):
            shown = (self._cell(cells.get(column, [])) for column in columns)
            table.add_row(series, source, *shown)
        table.caption = escape(printable("\n".join(self._notes[-5:]))) or None
        table.caption_justify = "left"
        return table

    def _cell(self, steps: list[StepId]) -> str:
        parts = []
        for step in steps:
            label = step.test or step.variant
            mark = escape(f"{label} ") if label else ""
            started = self._running.get(step)  # one look: the table is drawn by a thread
            if step in self._ended:
                kind = verdict.kind(self._ended[step].result.verdict)
                parts.append(f"{mark}[{_STYLES[kind]}]{kind}[/]")
            elif started is not None:
                parts.append(f"{mark}[cyan]{time.time() - started:.0f} s[/]")
            else:
                parts.append(f"{mark}[dim]·[/]")
        return "\n".join(parts)
