"""The recipe's ``[bug]`` table: what the bug of the update is to say.

Headings and rules: Ubuntu's SRU documentation, reference/bug-template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backport.errors import RecipeError
from backport.recipe.toml_table import Table

# Launchpad's names of a task's status, in the order in which an update passes them.
LADDER = (
    "New",
    "Incomplete",
    "Confirmed",
    "Triaged",
    "In Progress",
    "Fix Committed",
    "Fix Released",
)
_TAG = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_NO_RISK = re.compile(
    r"\W*(none|low|very low|minimal|n/?a|nothing|no risk|tbd|todo)\b.{0,20}", re.S
)


@dataclass(frozen=True)
class BugText:
    """The sections of the bug's description, its tags, and the status of the series' tasks.

    `problems` is the section "Where problems could occur"; `other_info` and `status` may be "".
    A status is only ever raised.
    """

    impact: str
    test_plan: str
    problems: str
    other_info: str = ""
    tags: tuple[str, ...] = ()
    status: str = ""


def read(table: Table) -> BugText:
    """The ``[bug]`` table.

    Raises:
        RecipeError: a section is missing or says nothing, or a tag or status is not known.
    """
    text = BugText(
        impact=_section(table, "impact", "write what users suffer from"),
        test_plan=_section(table, "test-plan", "write the steps, and what has to be seen"),
        problems=_section(
            table, "where-problems-could-occur", "write what would break first, and how it shows"
        ),
        other_info=_without_headings(
            table.string("other-info", "").strip(), f"{table.where}.other-info"
        ),
        tags=table.strings("tags", ()),
        status=table.string("status", ""),
    )
    table.done()
    if denies_risk(text.problems):
        raise RecipeError(
            "an update that cannot break anything is not believed",
            where=f"{table.where}.where-problems-could-occur",
            advice="write what would break first, and how it shows",
        )
    for tag in text.tags:
        if not _TAG.fullmatch(tag):
            raise RecipeError(
                f"{tag!r} is no tag of Launchpad's",
                where=f"{table.where}.tags",
                advice="use lower case letters, digits, and + . - after the first character",
            )
    if text.status:
        known_status(text.status, f"{table.where}.status")
    return text


def denies_risk(problems: str) -> bool:
    """Whether the section "Where problems could occur" says that there is nothing.

    >>> denies_risk("None, very low."), denies_risk("None of the hooks may run twice any more.")
    (True, False)
    """
    return bool(_NO_RISK.fullmatch(problems.lower()))


def known_status(status: str, where: str) -> str:
    """The status, if an update can have it.

    Raises:
        RecipeError: it cannot.
    """
    if status not in LADDER:
        raise RecipeError(
            f"{status!r} is no status that is set here",
            where=where,
            advice=f"write one of {', '.join(LADDER)}",
        )
    return status


def _section(table: Table, key: str, advice: str) -> str:
    value = table.string(key, advice=advice).strip()
    if not value:
        raise RecipeError("this section is empty", where=f"{table.where}.{key}", advice=advice)
    return _without_headings(value, f"{table.where}.{key}")


def _without_headings(value: str, where: str) -> str:
    for line in value.splitlines():
        if re.fullmatch(r"\s*\[[^\[\]]*\]\s*", line):
            raise RecipeError(
                f"the line {line.strip()!r} would begin another section",
                where=where,
                advice="the headings are added by the toolkit: take it out",
            )
    return value
