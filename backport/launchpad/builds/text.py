"""Show a wait: one live table on a terminal, lines elsewhere, or one JSON object a line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from backport.launchpad.builds import states
from backport.launchpad.builds.wait import (
    BuildFailed,
    BuildRow,
    Changed,
    Ended,
    Event,
    Noted,
    Recorded,
    Sink,
)
from backport.output import printable, terminal

_STYLES = {
    states.PUBLISHED: "green",
    states.FAILED: "bold red",
    states.GONE: "bold red",
    states.DEPENDENCY: "yellow",
    states.FARM: "bold magenta",
    states.BUILDING: "cyan",
    states.PUBLISHING: "cyan",
}


def event_json(event: Event) -> dict[str, Any]:
    """An event as JSON data."""
    match event:
        case Changed(row):
            data = {"event": "build", **row_json(row)}
        case BuildFailed(row, web, log, tail):
            data = {"event": "failed", **row_json(row), "web": web, "log": log}
            data |= {"tail": list(tail.lines), "trouble": tail.trouble}
        case Noted(text):
            data = {"event": "note", "text": text}
        case Recorded(upload, path):
            data = {"event": "published", **asdict(upload), "record": str(path)}
        case Ended(reason, rows):
            data = {"event": "waited", "reason": reason, "builds": [row_json(one) for one in rows]}
    return data


def row_json(row: BuildRow) -> dict[str, Any]:
    """A row as JSON data."""
    data = asdict(row)
    return {**data.pop("upload"), **data}


def event_text(event: Event) -> str:
    """An event as lines for a person."""
    match event:
        case Changed(row):
            where = f"{row.upload} {row.arch}".rstrip()
            return f"{where}: {row.phase}" + (f" ({row.detail})" if row.detail else "")
        case BuildFailed(row, web, log, tail):
            lines = [f"{row.upload} on {row.arch}: {row.state}", f"  {web}"]
            if log:
                lines.append(f"  log: {log}")
            if tail.trouble:
                lines.append(f"  {tail.trouble}")
            return "\n".join(lines + [f"  | {line}" for line in tail.lines])
        case Noted(text):
            return f"note: {text}"
        case Recorded(upload, _):
            return f"{upload}: all builds and binary packages are published"
        case Ended(reason, rows):
            return _summary(reason, rows)


def _summary(reason: str, rows: tuple[BuildRow, ...]) -> str:
    done = sum(row.phase == states.PUBLISHED for row in rows)
    if reason == "all published":
        return f"All {len(rows)} builds are published."
    why = {
        "time limit": "The time limit is reached",
        "stuck": "A build failed, and what the others wait for cannot come",
        "failed": "Not all of it was built",
    }[reason]
    lines = [f"{why}: {done} of {len(rows)} builds are published."]
    for row in rows:
        if row.phase != states.PUBLISHED:
            lines.append(f"  {event_text(Changed(row))}")
    return "\n".join(lines)


@contextmanager
def shown(how: str, stream: TextIO | None = None) -> Iterator[Sink]:
    """A sink for the events of a wait.

    Parameters:
        how: ``table``, ``lines``, ``json`` or ``quiet`` (what failed, notes and the end).
        stream: where to, stdout without it.
    """
    out = stream or sys.stdout
    if how == "json":
        yield lambda event: print(json.dumps(event_json(event)), file=out, flush=True)
        return
    if how != "table":
        quiet = how == "quiet"
        yield lambda event: _print(event, out, quiet=quiet)
        return
    table = WaitTable(Console(file=terminal(out)))
    with table.live:
        yield table.show
    for event in table.after:
        print(event_text(event), file=out, flush=True)


def _print(event: Event, out: TextIO, *, quiet: bool) -> None:
    good_end = isinstance(event, Ended) and event.reason == "all published"
    if quiet and (isinstance(event, (Changed, Recorded)) or good_end):
        return
    clock = time.strftime("%H:%M:%S")
    print(f"{clock} {event_text(event)}", file=out, flush=True)


class WaitTable:
    """One row an upload, with the state of each of its builds."""

    def __init__(self, console: Console) -> None:
        self.after: list[Event] = []
        self._rows: dict[tuple[str, str, str, str], BuildRow] = {}
        self._notes: list[str] = []
        self._began = time.monotonic()
        self.live = Live(console=console, get_renderable=self._render, refresh_per_second=1)

    def show(self, event: Event) -> None:
        """Take an event in; what failed, and the end, is printed below the table at last."""
        match event:
            case Changed(row):
                key = (row.upload.series, row.upload.source, row.upload.version)
                if row.arch:
                    self._rows.pop((*key, ""), None)
                self._rows[*key, row.arch] = row
            case Noted(text):
                self._notes.append(text)
            case BuildFailed() | Ended():
                self.after.append(event)
            case Recorded():
                pass

    def _render(self) -> Table:
        minutes = (time.monotonic() - self._began) / 60
        table = Table(title=f"{minutes:.0f} minutes", title_justify="left")
        for heading in ("series", "source package", "version", "builds"):
            table.add_column(heading)
        grouped: dict[tuple[str, str, str], list[BuildRow]] = {}
        rows_now = list(self._rows.items())  # one look: the table is drawn by a thread
        for key, row in sorted(rows_now, key=lambda one: one[0]):
            grouped.setdefault(key[:3], []).append(row)
        for (series, source, version), rows in grouped.items():
            cells = []
            for row in rows:
                style = _STYLES.get(row.phase, "dim")
                detail = escape(printable(f" ({row.detail})")) if row.detail else ""
                cells.append(f"{escape(row.arch)} [{style}]{row.phase}[/]{detail}".lstrip())
            table.add_row(series, source, version, "\n".join(cells))
        table.caption = escape(printable("\n".join(self._notes[-3:]))) or None
        table.caption_justify = "left"
        return table
