from __future__ import annotations

from dataclasses import replace

import pytest

from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug import plan as bug_plan
from backport.launchpad.bug.changes import AddComment, AddTags, SetDescription, SetStatus
from backport.launchpad.bug.data import Bug
from backport.launchpad.bug.description import merged
from backport.launchpad.bug.model import Applied
from backport.launchpad.bug.plan import WantedBug
from backport.recipe.bug import BugText
from tests.support.launchpad_server import StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs

NUMBER = 77
TEXT = BugText("It breaks.", "1. Break it.", "It might break elsewhere.", tags=("sru",))
WANTED = WantedBug(
    affected={"app": ("xenial", "bionic"), "lib": ("xenial",)},
    uploaded=frozenset({("app", "xenial"), ("lib", "xenial"), ("app", "bionic")}),
    text=TEXT,
    status="In Progress",
    comments=("Uploaded to the PPA.",),
)
NOTHING = WantedBug({}, frozenset())


@pytest.fixture
def there(world: World) -> Bugs:
    there = Bugs(world)
    there.add(NUMBER, "It breaks", "Since monday.", tags=["old"], tasks=["app"])
    return there


def applied(
    client: LaunchpadlibClient, wanted: WantedBug = WANTED, *, shown: Bug | None = None
) -> Applied:
    """Make what is wanted of the bug as it is, or as it was shown."""
    shown = shown or bugs.read(client, NUMBER, rights=True)
    return bugs.apply(client, shown, wanted, lambda *_: None)


def changed(standin: StandIn) -> list[str]:
    return [request for request in standin.requests if not request.startswith("GET")]


@pytest.mark.usefixtures("there")
def test_a_bug_is_read_with_its_tasks_in_ubuntu(client: LaunchpadlibClient, world: World) -> None:
    target = {"bug_link": f"/bugs/{NUMBER}", "target_link": "/certbot"}
    world.add("bug_task", f"/certbot/+bug/{NUMBER}", status="New", **target)
    bug = bugs.read(client, NUMBER)
    assert (bug.title, bug.description, bug.tags) == ("It breaks", "Since monday.", ("old",))
    assert [(task.source, task.series, task.status) for task in bug.tasks] == [("app", "", "New")]
    assert (bug.comments, bug.notes) == (("Since monday.",), ())
    bad = {"duplicate_of_link": "/bugs/1", "private": True, "lock_status": "Comment-only"}
    world.entries[f"/bugs/{NUMBER}"].values |= bad
    duplicate, private, locked = bug_plan.make(bugs.read(client, NUMBER), NOTHING).notes
    assert duplicate.startswith("the bug is a duplicate of bug 1")
    assert (private[:18], locked[:17]) == ("the bug is private", "the bug is locked")


def test_all_that_is_wanted_is_set_and_repeating_it_changes_nothing(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, world: World
) -> None:
    result = applied(writer)
    assert (result.troubles, result.left.changes) == ((), ())
    assert world.entries["/bugs/77"].values["tags"] == ["old", "sru"]
    assert there.task(NUMBER, "lib").values["status"] == "New"
    assert there.task(NUMBER, "xenial/lib").values["status"] == "In Progress"
    assert there.task(NUMBER, "bionic/app").values["status"] == "In Progress"
    assert there.comments(NUMBER) == ["Since monday.", "Uploaded to the PPA."]
    description = str(world.entries["/bugs/77"].values["description"])
    assert description.startswith("[ Impact ]\n\nIt breaks.\n\n[ Test Plan ]")
    assert description.endswith("[ Original Description ]\n\nSince monday.")
    standin.requests.clear()
    assert applied(writer).troubles == ()
    assert changed(standin) == []


def test_an_edit_by_somebody_else_since_it_was_shown_is_not_overwritten(
    writer: LaunchpadlibClient, there: Bugs, world: World
) -> None:
    applied(writer, replace(WANTED, text=None, status="", comments=()))
    shown = bugs.read(writer, NUMBER)
    world.entries["/bugs/77"].values["description"] = "Since tuesday, says Jane."
    there.task(NUMBER, "xenial/app").values["status"] = "Triaged"
    result = applied(writer, shown=shown)
    assert [type(change) for change, _ in result.troubles] == [SetDescription, SetStatus]
    assert all("changed by somebody else" in str(error) for _, error in result.troubles)
    assert world.entries["/bugs/77"].values["description"] == "Since tuesday, says Jane."
    assert there.task(NUMBER, "xenial/app").values["status"] == "Triaged"
    assert there.task(NUMBER, "xenial/lib").values["status"] == "In Progress"
    assert there.comments(NUMBER)[-1] == "Uploaded to the PPA."
    assert "Since tuesday" in str(result.left.changes[0])


def test_an_edit_while_the_changes_are_made_is_left_for_the_next_call(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, world: World
) -> None:
    bug = world.entries["/bugs/77"]
    bug.values["description"] = merged("Since monday.", TEXT)

    def edit() -> None:
        if any(request.startswith("PATCH") for request in standin.requests):
            bug.values["description"] = "Jane has begun anew."

    world.before.append(edit)
    result = applied(writer)
    assert bug.values["description"] == "Jane has begun anew."
    assert there.comments(NUMBER)[-1] == "Uploaded to the PPA."
    assert [type(change) for change in result.left.changes] == [SetDescription, AddTags]
    ((_, error),) = result.troubles
    assert "has a newer version of it (412)" in str(error)


def test_a_hidden_address_is_any_address_so_that_what_is_set_is_seen_without_a_login(
    client: LaunchpadlibClient, writer: LaunchpadlibClient, there: Bugs
) -> None:
    wanted = replace(
        WANTED,
        text=replace(TEXT, impact="Ask Jane <jane@example.org>, or joe@example.org."),
        comments=("Built by me@example.org.",),
    )
    assert applied(writer, wanted).left.changes == ()
    shown = bugs.read(client, NUMBER)
    assert "Ask Jane <email address hidden>, or <email address hidden>." in shown.description
    assert bug_plan.make(shown, wanted).changes == ()
    # With a login it is seen that the address is another one.
    other = replace(wanted, comments=("Built by you@example.org.",))
    assert bug_plan.make(bugs.read(writer, NUMBER), other).changes == (
        AddComment("Built by you@example.org."),
    )
    assert there.comments(NUMBER)[-1] == "Built by me@example.org."
