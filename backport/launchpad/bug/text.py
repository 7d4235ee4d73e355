"""A bug, and what differs from what the update wants: as text and as JSON data."""

from __future__ import annotations

from typing import Any

from backport.launchpad.bug.changes import Change, change_json
from backport.launchpad.bug.data import Bug
from backport.launchpad.bug.model import Applied
from backport.launchpad.bug.plan import BugPlan, WantedBug


def bug_text(bug: Bug, wanted: WantedBug) -> str:
    """The bug's tasks as a table, its nominations and tags."""
    every = dict.fromkeys(series for names in wanted.affected.values() for series in names)
    columns = ["", *every]
    rows = [["source package", "development", *every]]
    for source in dict.fromkeys([*wanted.affected, *(task.source for task in bug.tasks)]):
        cells = [source]
        for series in columns:
            task = bug.task(source, series)
            affects = not series or series in wanted.affected.get(source, ())
            cells.append(task.status if task else "(no task)" if affects else "-")
        rows.append(cells)
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [f"LP: #{bug.number} {bug.title}", f"  {bug.web}", ""]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    nominations = ", ".join(
        f"{nomination.series} {nomination.status}" for nomination in bug.nominations
    )
    lines += ["", f"  nominations: {nominations or 'none'}"]
    lines.append(f"  tags: {' '.join(bug.tags) or 'none'}; {len(bug.comments)} messages")
    return "\n".join(lines)


def plan_text(plan: BugPlan) -> str:
    """The changes and notes of a plan."""
    lines = ["", "To change:" if plan.changes else "The bug is as wanted: nothing to change."]
    lines += [f"  - {change}" for change in plan.changes]
    lines += [f"note: {note}" for note in plan.notes]
    return "\n".join(lines)


def applied_text(applied: Applied) -> str:
    """What was changed, and what was not."""
    lines = [f"done: {_first(one)}" for one in applied.made]
    lines += [
        f"not done: {_first(trouble.change)}: {trouble.error}" for trouble in applied.troubles
    ]
    return "\n".join(lines)


def _first(change: Change) -> str:
    return str(change).partition(":\n")[0]


def plan_json(bug: Bug, plan: BugPlan) -> dict[str, Any]:
    """The bug and the plan as JSON data."""
    return {
        "event": "bug",
        "number": bug.number,
        "title": bug.title,
        "web": bug.web,
        "tags": list(bug.tags),
        "tasks": [
            {"source": task.source, "series": task.series, "status": task.status}
            for task in bug.tasks
        ],
        "nominations": {nomination.series: nomination.status for nomination in bug.nominations},
        "changes": [change_json(change) for change in plan.changes],
        "notes": list(plan.notes),
    }


def applied_json(applied: Applied) -> dict[str, Any]:
    """What was changed as JSON data."""
    return {
        "event": "changed",
        "made": [change_json(one) for one in applied.made],
        "not_made": [
            {**change_json(trouble.change), "why": str(trouble.error), "conflict": trouble.conflict}
            for trouble in applied.troubles
        ],
        "left": [change_json(change) for change in applied.left.changes],
    }
