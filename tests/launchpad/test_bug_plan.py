from __future__ import annotations

from dataclasses import replace

import pytest

from backport.launchpad.bug import text as bug_show
from backport.launchpad.bug.plan import (
    AddComment,
    AddTags,
    AddTask,
    Approve,
    Bug,
    Nominate,
    Nomination,
    SetDescription,
    SetStatus,
    Task,
    WantedBug,
    make,
)
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


def test_a_bug_with_all_tasks_needs_no_change() -> None:
    assert make(FULL, WANTED).changes == ()
    assert make(FULL, WANTED).notes == ()


def test_a_new_source_gets_its_task_and_a_series_its_nomination() -> None:
    plan = make(bug(Task("app", "", DONE)), WANTED)
    assert plan.changes == (AddTask("lib"), Nominate("xenial"), Nominate("zesty"))


def test_a_nomination_that_may_be_approved_is_approved() -> None:
    one = Nomination("xenial", "Nominated", True, "link")
    plan = make(bug(Task("app", "", DONE), Task("lib", "", DONE), nominations=(one,)), WANTED)
    assert Approve("xenial", "link") in plan.changes
    assert Nominate("xenial") not in plan.changes


def test_a_nomination_that_others_have_to_approve_is_told() -> None:
    one = Nomination("xenial", "Nominated")
    plan = make(bug(Task("app", "", DONE), Task("lib", "", DONE), nominations=(one,)), WANTED)
    assert plan.changes == (Nominate("zesty"),)
    assert "xenial waits for somebody" in plan.notes[0]


def test_a_declined_nomination_stays_declined() -> None:
    one = Nomination("zesty", "Declined")
    plan = make(bug(*FULL.tasks[:3], FULL.tasks[4], nominations=(one,)), WANTED)
    assert plan.changes == ()
    assert "was declined" in plan.notes[0]


def test_an_obsolete_series_is_told_and_not_nominated() -> None:
    wanted = replace(WANTED, obsolete=frozenset({"zesty"}))
    plan = make(bug(*FULL.tasks[:3], FULL.tasks[4]), wanted)
    assert plan.changes == ()
    assert plan.notes == (
        "zesty is obsolete: Launchpad takes no nomination for it, so 1 source packages stay "
        "without a task there",
    )


def test_a_source_that_launchpad_targets_by_itself_gets_its_development_task_only() -> None:
    there = Nomination("xenial", "Approved")
    plan = make(bug(*FULL.tasks[:1], *FULL.tasks[2:4], nominations=(there,)), WANTED)
    assert plan.changes == (AddTask("lib"),)


def test_a_series_task_that_is_missing_after_the_approval_is_added() -> None:
    there = Nomination("xenial", "Approved")
    plan = make(bug(*FULL.tasks[:4], nominations=(there,)), WANTED)
    assert plan.changes == (AddTask("lib", "xenial"),)


def test_a_series_with_tasks_and_without_nomination_gets_the_missing_task() -> None:
    assert make(bug(*FULL.tasks[:4]), WANTED).changes == (AddTask("lib", "xenial"),)


def test_a_status_is_raised_and_never_set_back() -> None:
    plan = make(FULL, replace(WANTED, status="In Progress"))
    assert plan.changes == (SetStatus("app", "xenial", "New", "In Progress", "link"),)
    assert plan.notes == (
        "app (Ubuntu Zesty) is Fix Committed already and is not set back to In Progress",
        "lib (Ubuntu Xenial) is Won't Fix, which is somebody's decision and stays",
    )


def test_the_status_of_a_source_that_is_not_uploaded_stays() -> None:
    wanted = replace(WANTED, status="In Progress", uploaded=frozenset({("app", "zesty")}))
    assert make(FULL, wanted).changes == ()


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


def test_the_difference_of_the_description_is_shown_line_by_line() -> None:
    shown = str(SetDescription("a\nb", "a\nc"))
    assert shown.startswith("change the description:\n")
    assert "    -b\n    +c" in shown


def test_what_comes_from_launchpad_cannot_change_the_terminal() -> None:
    evil = replace(FULL, title="\x1b[2Jgone", description="\x1b]0;title\x07\ttab")
    plan = make(evil, replace(WANTED, text=TEXT))
    shown = bug_show.bug_text(evil, WANTED) + bug_show.plan_text(plan)
    assert "\x1b" not in shown
    assert "?[2Jgone" in shown
    assert "\ttab" in shown
