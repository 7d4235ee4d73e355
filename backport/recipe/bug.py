"""The recipe's ``[bug]`` table: what the bug of the update is to say.

Headings and rules: Ubuntu's SRU documentation, reference/bug-template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from backport.recipe.keys import Advice, Fault, Form, Key, Tag

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
_STATUS = Form("|".join(LADDER), "is no status", f"write one of {', '.join(LADDER)}", empty=True)
_NO_RISK = re.compile(
    r"\W*(none|low|very low|minimal|n/?a|nothing|no risk|tbd|todo)\b.{0,20}", re.S
)
_PROBLEMS = "where-problems-could-occur"
_RISK = "write what would break first, and how it shows"


@dataclass(frozen=True)
class BugText:
    """The sections of the bug's description, its tags, and the status of the series' tasks.

    `problems` is the section "Where problems could occur"; `other_info` and `status` may be "".
    A status is only ever raised.
    """

    impact: Annotated[str, Advice("write what users suffer from")]
    test_plan: Annotated[str, Advice("write the steps, and what has to be seen")]
    problems: Annotated[str, Key(_PROBLEMS), Advice(_RISK)]
    other_info: str = ""
    tags: tuple[Tag, ...] = ()
    status: Annotated[str, _STATUS] = ""

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the sections."""
        sections = {
            "impact": self.impact,
            "test-plan": self.test_plan,
            _PROBLEMS: self.problems,
            "other-info": self.other_info,
        }
        for key, text in sections.items():
            if not text.strip() and key != "other-info":
                yield key, "this section is empty", "write it, or take the table out"
            for heading in re.findall(r"(?m)^\s*(\[[^\[\]\n]*\])\s*$", text):
                what = f"the line {heading!r} would begin another section"
                yield key, what, "the headings are added by the toolkit: take it out"
        if denies_risk(self.problems):
            yield _PROBLEMS, "an update that cannot break anything is not believed", _RISK


def denies_risk(problems: str) -> bool:
    """Whether the section "Where problems could occur" says that there is nothing.

    >>> denies_risk("None, very low."), denies_risk("None of the hooks may run twice any more.")
    (True, False)
    """
    return bool(_NO_RISK.fullmatch(problems.lower()))
