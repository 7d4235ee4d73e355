"""The checklist for a person at a terminal: by place, what is missing first."""

from __future__ import annotations

import textwrap

from backport.sru.checklist_data import STATES, Checklist, Item

_SIGNS = {"done": "[x]", "missing": "[ ]", "person": "[P]", "unknown": "[?]"}
_WIDTH = 98


def as_text(made: Checklist, *, quiet: bool = False) -> str:
    """The checklist in lines; with `quiet` only what is not done."""
    lines = [f"Checklist of LP: #{made.bug}, by the evidence {made.evidence}", ""]
    place = ""
    for item in made.items:
        if quiet and item.state == "done":
            continue
        if item.place != place:
            place = item.place
            lines.append(place)
        lines += _item(item)
    counted = ", ".join(f"{made.count(state)} {state}" for state in STATES)
    lines += ["", f"{counted}.  [x] done, [ ] missing, [P] for a person, [?] not known here"]
    if not made.asked:
        lines.append("Launchpad was not asked.")
    for change in made.tags:
        lines.append(f"Proposed: {change.add}, in place of {', '.join(change.remove)}.")
    if not made.tags:
        lines.append("No tag is proposed.")
    return "\n".join(lines)


def _item(item: Item) -> list[str]:
    first = textwrap.wrap(
        f"{item.what}. {item.why} {item.advice}".rstrip(),
        _WIDTH,
        initial_indent=f"  {_SIGNS[item.state]} ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    if item.state != "done" and item.evidence:
        first.append(f"      see {item.evidence}")
    elif item.sha256:
        first.append(f"      by {item.evidence}, sha256 {item.sha256}")
    return first
