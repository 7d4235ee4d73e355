"""Whether the bug's description is the filled-in template of an update."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backport.launchpad.bug import description as bug_text
from backport.recipe.bug import denies_risk

REQUIRED = ("Impact", "Test Plan", "Where problems could occur")
_SHORTEST = 20
_TO_DO = re.compile(
    r"\bTODO\b|\bTBD\b|\bFIXME\b|<[^<>\n]*(?:fill|describe)[^<>\n]*>", re.IGNORECASE
)
# Text of Ubuntu's template itself, in its current and its former form.
_PROMPTS = (
    "an explanation of the effects of the bug on users",
    "detailed instructions how to reproduce the bug",
    "think about what the upload changes in the software",
)


def faults(description: str, required: Sequence[str] = REQUIRED) -> tuple[str, ...]:
    """What the description lacks, each in words; none is well.

    Written in Ubuntu's SRU documentation, reference/bug-template.

    >>> faults("[Impact]\\nTODO")[0]
    '[ Impact ] still has TODO in it'
    """
    parts: dict[str, str] = {}
    for part in bug_text.sections(description):
        if part.heading:
            parts.setdefault(bug_text.name(part.heading), part.body)
    known = {name.lower(): body for name, body in parts.items()}
    lacks = []
    for heading in required:
        body = known.get(heading.lower())
        if body is None:
            lacks.append(f"[ {heading} ] is missing")
        elif not body:
            lacks.append(f"[ {heading} ] is empty")
        elif match := _TO_DO.search(body):
            lacks.append(f"[ {heading} ] still has {match[0]} in it")
        elif any(prompt in body.lower() for prompt in _PROMPTS):
            lacks.append(f"[ {heading} ] still has the template's own text in it")
        elif heading == "Where problems could occur" and denies_risk(body):
            lacks.append(f"[ {heading} ] says {body!r}, which is never accepted")
        elif len(body) < _SHORTEST:
            lacks.append(f"[ {heading} ] has only {len(body)} characters")
    return tuple(lacks)
