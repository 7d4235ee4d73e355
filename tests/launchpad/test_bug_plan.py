from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backport.launchpad.bug.changes import (
    AddComment,
    AddTags,
    AddTask,
    Approve,
    Change,
    Nominate,
    SetDescription,
    SetStatus,
)
from backport.launchpad.bug.data import Bug, Nomination, Task
from backport.launchpad.bug.plan import BugPlan, WantedBug, make
from backport.recipe.bug import BugText

TEXT = BugText("Renewals fail.", "1. Renew twice.", "A lock that is never released.")
WANTED = WantedBug(
    affected={"app": ("xenial", "zesty"), "lib": ("xenial",)},
    uploaded=frozenset({("app", "xenial"), ("app", "zesty"), ("lib", "xenial")}),
)
DONE = "Fix Released"


def bug(*tasks: Task, **more: object) -> Bug:
    empty = Bug(7, "title", "", (), tasks, (), ("the report",))
    return replace(empty, **more)  # type: ignore[arg-type]


FULL = bug(
    Task("app", "", DONE),
    Task("lib", "", DONE),
    Task("app", "xenial", "New", "link"),
    Task("app", "zesty", "Fix Committed"),
    Task("lib", "xenial", "Won't Fix"),
)


def test_a_new_source_gets_its_task_and_a_series_its_nomination() -> None:
    plan = make(bug(Task("app", "", DONE)), WANTED)
    assert plan.changes == (AddTask("lib"), Nominate("xenial"), Nominate("zesty"))


DEVELOPMENT = (Task("app", "", DONE), Task("lib", "", DONE))


def planned(*tasks: Task, xenial: Nomination | None = None) -> BugPlan:
    """The plan for a bug with these tasks and that nomination."""
    return make(bug(*tasks, nominations=(xenial,) if xenial else ()), WANTED)


@pytest.mark.parametrize(
    ("nomination", "changes", "note"),
    [
        (("Nominated", True), (Approve("xenial", "link"), Nominate("zesty")), ""),
        (("Nominated", None), (Approve("xenial", "link"), Nominate("zesty")), ""),
        (("Nominated",), (Nominate("zesty"),), "xenial waits for somebody"),
        (("Declined",), (Nominate("zesty"),), "the nomination for xenial was declined"),
    ],
)
def test_a_nomination_is_approved_by_who_may_and_is_never_made_twice(
    nomination: tuple[Any, ...], changes: tuple[Change, ...], note: str
) -> None:
    plan = planned(*DEVELOPMENT, xenial=Nomination("xenial", *nomination, link="link"))
    assert plan.changes == changes
    assert [note in one for one in plan.notes] == [True] * bool(note)


@pytest.mark.parametrize("approved", [True, False])
def test_a_series_task_that_is_missing_is_added_where_launchpad_does_not(approved: bool) -> None:
    there = Nomination("xenial", "Approved") if approved else None
    assert planned(*FULL.tasks[:4], xenial=there).changes == (AddTask("lib", "xenial"),)
    # An approval brings the series' task with the development's.
    new = (AddTask("lib"),) if approved else (AddTask("lib"), AddTask("lib", "xenial"))
    assert planned(FULL.tasks[0], *FULL.tasks[2:4], xenial=there).changes == new


def test_an_obsolete_series_is_told_and_not_nominated() -> None:
    wanted = replace(WANTED, obsolete=frozenset({"zesty"}))
    plan = make(bug(*FULL.tasks[:3], FULL.tasks[4]), wanted)
    assert plan.changes == ()
    assert plan.notes == (
        "zesty is obsolete: Launchpad takes no nomination for it, so 1 source packages stay "
        "without a task there",
    )


def test_the_status_of_an_upload_is_raised_and_never_set_back() -> None:
    plan = make(FULL, replace(WANTED, status="In Progress"))
    assert plan.changes == (SetStatus("app", "xenial", "New", "In Progress", "link"),)
    assert plan.notes == (
        "app (Ubuntu Zesty) is Fix Committed already and is not set back to In Progress",
        "lib (Ubuntu Xenial) is Won't Fix, which is somebody's decision and stays",
    )
    wanted = replace(WANTED, status="In Progress", uploaded=frozenset({("app", "zesty")}))
    assert make(FULL, wanted).changes == ()
    assert make(FULL, WANTED) == BugPlan((), ())


def test_the_development_task_has_to_be_fixed_first() -> None:
    plan = make(bug(Task("app", "", "Triaged"), *FULL.tasks[1:]), WANTED)
    (note,) = plan.notes
    assert note.startswith("before a stable release is updated, the development release")
    assert note.endswith("say Fix Released: app (Ubuntu) is Triaged")


def test_the_description_and_only_the_missing_tags_are_set() -> None:
    wanted = replace(WANTED, text=replace(TEXT, tags=("b", "c")))
    description, tags = make(replace(FULL, tags=("a", "b"), description="x \r\n"), wanted).changes
    assert tags == AddTags(("c",))
    assert isinstance(description, SetDescription)
    assert description.old == "x"
    assert make(replace(FULL, tags=("b", "c"), description=description.new), wanted).changes == ()


@pytest.mark.parametrize("there", ["Uploaded.\nAll of it.", "Uploaded.  \r\nAll of it.\n"])
def test_a_comment_that_is_there_is_not_posted_again(there: str) -> None:
    wanted = replace(WANTED, comments=("Uploaded.\nAll of it.\n",))
    assert make(FULL, wanted).changes == (AddComment("Uploaded.\nAll of it."),)
    assert make(replace(FULL, comments=("x", there)), wanted).changes == ()
