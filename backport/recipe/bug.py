"""The recipe's ``[bug]`` and ``[exception]`` tables: what the bug is to say, and what is asked for.

Headings and rules: Ubuntu's SRU documentation, reference/bug-template. An exception of the SRU
process has a page for each package: https://ubuntu.com/project/docs/SRU/reference/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from backport.recipe.keys import Advice, Fault, Form, Key, PageAddress, Tag

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


@dataclass(frozen=True)
class ExceptionItem:
    """Something that the page asks for: `what`, as a sentence without a full stop.

    It is proved in each series that `source` is uploaded to by one of `tests`, with the packages
    in -proposed. Without tests a person does it: `why` says how, `advice` what helps, and `address`
    where that is.
    """

    what: str
    source: str = ""
    tests: tuple[str, ...] = ()
    why: Annotated[str, Key("person")] = ""
    advice: str = ""
    address: PageAddress = ""

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the keys together."""
        missing = "this key is missing"
        if self.tests and not self.source:
            yield "source", missing, "name the source package of the tests"
        if not self.tests and not self.why:
            yield "person", missing, "say what a person does, or give tests"
        if bool(self.tests) == bool(self.why):
            yield "person", "there are tests", "give the one or the other"


@dataclass(frozen=True)
class SruException:
    """The exception's `page`, the `headings` that the bug has besides, and its items."""

    page: PageAddress
    headings: tuple[str, ...] = ()
    items: Annotated[tuple[ExceptionItem, ...], Key("item")] = ()
