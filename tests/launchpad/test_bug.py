from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backport.errors import RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.credentials import VARIABLE
from backport.launchpad.api.retry import RefusedError
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug import plan as bug_plan
from backport.launchpad.bug.description import merged
from backport.launchpad.bug.plan import AddComment, AddTask, Approve, SetDescription, SetStatus
from backport.launchpad.bug.plan import Wanted as What
from backport.recipe.bug import BugText
from tests.launchpad.conftest import QUICK
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.upload_server.case import write_credentials

NUMBER = 77
TEXT = BugText("It breaks.", "1. Break it.", "It might break elsewhere.", tags=("sru",))
WANTED = What(
    affected={"app": ("xenial", "bionic"), "lib": ("xenial",)},
    uploaded=frozenset({("app", "xenial"), ("lib", "xenial"), ("app", "bionic")}),
    text=TEXT,
    status="In Progress",
    comments=("Uploaded to the PPA.",),
)


@pytest.fixture
def there(world: World) -> Bugs:
    found = Bugs(world)
    found.add(NUMBER, "It breaks", "Since monday.", tags=["old"], tasks=["app"])
    return found


@pytest.fixture
def writer(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaunchpadlibClient]:
    path = write_credentials(tmp_path / "login", standin.root)
    monkeypatch.setenv(VARIABLE, str(path))
    client = LaunchpadlibClient(
        tmp_path / "launchpadlib", root=standin.root, patience=QUICK, login=True
    )
    yield client
    client.close()


def changed(standin: StandIn) -> list[str]:
    return [one for one in standin.requests if not one.startswith("GET")]


@pytest.mark.usefixtures("there")
def test_a_bug_is_read_with_its_tasks_nominations_tags_and_comments(
    client: LaunchpadlibClient, world: World
) -> None:
    world.entries[f"/bugs/{NUMBER}"].values["description"] = "Since monday."
    found = bugs.read(client, NUMBER)
    assert (found.title, found.description, found.tags) == ("It breaks", "Since monday.", ("old",))
    assert [(one.source, one.series, one.status) for one in found.tasks] == [("app", "", "New")]
    assert found.comments == ("Since monday.",)


def test_every_page_of_comments_is_read(
    client: LaunchpadlibClient, standin: StandIn, there: Bugs, world: World
) -> None:
    standin.page_size = 2
    for number in range(5):
        there._message(world.entries[f"/bugs/{NUMBER}"], "s", f"comment {number}")
    assert len(bugs.read(client, NUMBER).comments) == 6


@pytest.mark.usefixtures("there")
def test_tasks_outside_ubuntu_are_left_alone(client: LaunchpadlibClient, world: World) -> None:
    world.add(
        "bug_task",
        f"/certbot/+bug/{NUMBER}",
        bug_link=f"/bugs/{NUMBER}",
        target_link="/certbot",
        status="New",
    )
    assert [one.source for one in bugs.read(client, NUMBER).tasks] == ["app"]


def test_all_that_is_wanted_is_set_and_repeating_it_changes_nothing(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, world: World
) -> None:
    applied = bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    assert applied.troubles == ()
    assert applied.left.changes == ()
    assert world.entries["/bugs/77"].values["tags"] == ["old", "sru"]
    assert there.task(NUMBER, "lib").values["status"] == "New"
    assert there.task(NUMBER, "xenial/lib").values["status"] == "In Progress"
    assert there.task(NUMBER, "bionic/app").values["status"] == "In Progress"
    assert there.comments(NUMBER) == ["Since monday.", "Uploaded to the PPA."]
    description = str(world.entries["/bugs/77"].values["description"])
    assert description.startswith("[ Impact ]\n\nIt breaks.\n\n[ Test Plan ]")
    assert description.endswith("[ Original Description ]\n\nSince monday.")
    standin.requests.clear()
    again = bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    assert (again.made, again.troubles) == ((), ())
    assert changed(standin) == []


def test_without_the_right_to_approve_the_rest_is_done_and_the_wait_is_told(
    writer: LaunchpadlibClient, there: Bugs
) -> None:
    there.rights = {"nominate"}
    applied = bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    assert applied.troubles == ()
    assert {one.status for one in applied.bug.nominations} == {"Nominated"}
    assert any("waits for somebody who may approve" in note for note in applied.left.notes)
    assert there.comments(NUMBER)[-1] == "Uploaded to the PPA."


def test_without_the_right_to_nominate_the_refusal_is_told_and_the_rest_is_done(
    writer: LaunchpadlibClient, there: Bugs, world: World
) -> None:
    there.rights = set()
    applied = bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    assert {str(one.change) for one in applied.troubles} == {
        "nominate the bug for xenial",
        "nominate the bug for bionic",
    }
    assert "Only bug supervisors or owners can nominate" in str(applied.troubles[0].error)
    assert world.entries["/bugs/77"].values["tags"] == ["old", "sru"]


def test_an_edit_by_somebody_else_since_it_was_shown_is_not_overwritten(
    writer: LaunchpadlibClient, there: Bugs, world: World
) -> None:
    shown = bugs.read(writer, NUMBER)
    world.entries["/bugs/77"].values["description"] = "Since tuesday, says Jane."
    applied = bugs.apply(writer, shown, WANTED)
    (trouble,) = applied.troubles
    assert trouble.conflict
    assert isinstance(trouble.change, SetDescription)
    assert "changed by somebody else" in str(trouble.error)
    assert world.entries["/bugs/77"].values["description"] == "Since tuesday, says Jane."
    assert there.comments(NUMBER)[-1] == "Uploaded to the PPA."
    (left,) = applied.left.changes
    assert "Since tuesday" in str(left)


def test_an_edit_while_the_changes_are_made_is_left_for_the_next_call(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, world: World
) -> None:
    bug = world.entries["/bugs/77"]
    bug.values["description"] = merged("Since monday.", TEXT)

    def edit() -> None:
        if any(one.startswith("POST") for one in standin.requests):
            bug.values["description"] = "Jane has begun anew."

    world.before.append(edit)
    applied = bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    assert bug.values["description"] == "Jane has begun anew."
    assert there.comments(NUMBER)[-1] == "Uploaded to the PPA."
    assert [type(one) for one in applied.left.changes] == [SetDescription]


def test_a_status_that_somebody_else_set_since_it_was_shown_stays(
    writer: LaunchpadlibClient, there: Bugs
) -> None:
    bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), replace(WANTED, status=""))
    shown = bugs.read(writer, NUMBER)
    there.task(NUMBER, "xenial/app").values["status"] = "Triaged"
    applied = bugs.apply(writer, shown, WANTED)
    assert [type(one.change) for one in applied.troubles if one.conflict] == [SetStatus]
    assert there.task(NUMBER, "xenial/app").values["status"] == "Triaged"
    assert there.task(NUMBER, "xenial/lib").values["status"] == "In Progress"


@pytest.mark.usefixtures("there")
def test_an_edit_in_the_last_moment_is_refused_by_launchpad_and_told(
    writer: LaunchpadlibClient, standin: StandIn, world: World
) -> None:
    standin.faults.add(Fault("status", on="PATCH /devel/bugs/77$", status=412, times=1))
    applied = bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    (trouble,) = applied.troubles
    assert trouble.conflict
    assert "has a newer version of it (412)" in str(trouble.error)
    assert world.entries["/bugs/77"].values["description"] == "Since monday."


@pytest.mark.usefixtures("there")
def test_the_etag_is_sent_so_that_launchpad_can_refuse(
    writer: LaunchpadlibClient, world: World
) -> None:
    entry = world.entries["/bugs/77"]

    def question(session: object) -> None:
        found = session.load("bugs/77")  # type: ignore[attr-defined]
        entry.values["title"] = "Somebody else's title"
        found.title = "Ours"
        found.lp_save()

    with pytest.raises(RemoteError, match="412"):
        writer.ask("the title", question, doing="changed")
    assert entry.values["title"] == "Somebody else's title"


@pytest.mark.parametrize("status", [500, 503])
def test_a_comment_that_was_posted_but_answered_with_an_error_is_not_posted_twice(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, status: int
) -> None:
    standin.faults.add(
        Fault("status", on="POST /devel/bugs/77$", status=status, after=True, times=9)
    )
    applied = bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    standin.faults.clear()
    assert AddComment("Uploaded to the PPA.") in applied.made
    assert there.comments(NUMBER).count("Uploaded to the PPA.") == 1
    assert there.task(NUMBER, "xenial/app").values["status"] == "In Progress"


@pytest.mark.parametrize("kind", ["reset", "close"])
def test_a_change_whose_answer_is_lost_is_not_made_twice(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, kind: str
) -> None:
    standin.faults.add(Fault(kind, on="POST /devel/bugs/77$", after=True, times=9))  # type: ignore[arg-type]
    bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED)
    standin.faults.clear()
    assert there.comments(NUMBER) == ["Since monday.", "Uploaded to the PPA."]


def test_a_comment_whose_answer_takes_too_long_is_not_posted_twice(
    tmp_path: Path, writer: LaunchpadlibClient, standin: StandIn, there: Bugs
) -> None:
    impatient = LaunchpadlibClient(
        tmp_path / "other", root=standin.root, patience=replace(QUICK, answer=1.0), login=True
    )
    assert bugs.read(impatient, NUMBER).comments == bugs.read(writer, NUMBER).comments
    standin.faults.add(Fault("slow", on="POST /devel/bugs/77$", seconds=1.5))
    with pytest.raises(RemoteError, match="did not answer in time"):
        bugs.add_comment_once(impatient, NUMBER, "Slow.")
    end = time.monotonic() + 30
    while len(there.comments(NUMBER)) == 1 and time.monotonic() < end:
        time.sleep(0.05)  # the stand-in carries it out, though nobody waits for the answer
    assert not bugs.add_comment_once(impatient, NUMBER, "Slow.")
    assert there.comments(NUMBER) == ["Since monday.", "Slow."]
    impatient.close()


@pytest.mark.usefixtures("there")
def test_a_page_of_comments_that_ends_early_is_read_again(
    client: LaunchpadlibClient, standin: StandIn
) -> None:
    standin.faults.add(Fault("short", on="/messages"), Fault("truncated", on="/bug_tasks"))
    assert bugs.read(client, NUMBER).comments == ("Since monday.",)


def test_a_launchpad_that_refuses_connections_ends_in_one_sentence(tmp_path: Path) -> None:
    away = LaunchpadlibClient(tmp_path / "c", root="http://127.0.0.1:9/", patience=QUICK)
    with pytest.raises(RemoteError, match=r"bug 77 cannot be read.*connection is refused"):
        bugs.read(away, NUMBER)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", status=503), "answered 503"),
        (Fault("status", status=504), "answered 504"),
        (Fault("status", status=429, headers={"Retry-After": "3600"}), "asks to wait 3600 s"),
        (Fault("html"), "a web page instead of data"),
        (Fault("reset"), "broke off the connection"),
    ],
)
def test_a_write_that_fails_ends_in_one_sentence_and_the_next_call_goes_on(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, fault: Fault, said: str
) -> None:
    fault.on, fault.times = "(PATCH|POST) /devel/bugs/77$", -1
    before = bugs.read(writer, NUMBER)
    standin.faults.add(fault)
    with pytest.raises(RemoteError) as caught:
        bugs.apply(writer, before, WANTED)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 6
    assert there.comments(NUMBER) == ["Since monday."]
    standin.faults.clear()
    assert bugs.apply(writer, bugs.read(writer, NUMBER, rights=True), WANTED).left.changes == ()
    assert there.comments(NUMBER) == ["Since monday.", "Uploaded to the PPA."]


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.usefixtures("there")
def test_a_private_bug_ends_in_one_sentence(
    client: LaunchpadlibClient, world: World, status: int
) -> None:
    world.hidden["/bugs/77"] = status
    with pytest.raises(RefusedError, match="bug 77 does not exist, or is private") as caught:
        bugs.read(client, NUMBER)
    assert caught.value.exit_code == 6


def test_a_bug_that_does_not_exist_ends_in_one_sentence(client: LaunchpadlibClient) -> None:
    with pytest.raises(RefusedError, match="bug 99 does not exist, or is private"):
        bugs.read(client, 99)


def test_nobody_who_is_not_logged_in_changes_a_bug(client: LaunchpadlibClient, there: Bugs) -> None:
    applied = bugs.apply(client, bugs.read(client, NUMBER), replace(WANTED, status=""))
    assert applied.made == ()
    assert "Anonymous requests cannot change anything" in str(applied.troubles[0].error)
    assert there.comments(NUMBER) == ["Since monday."]


@pytest.mark.usefixtures("there")
def test_a_clock_that_is_wrong_is_named_as_the_cause_of_a_401(
    client: LaunchpadlibClient, standin: StandIn
) -> None:
    standin.clock_offset = 7200.0
    standin.faults.add(Fault("status", on="GET /devel/bugs/77$", status=401, times=1))
    with pytest.raises(RefusedError, match="clock is 120 minutes behind Launchpad's"):
        bugs.read(client, NUMBER)


def test_the_plan_names_an_approval_as_its_own_change(
    writer: LaunchpadlibClient, there: Bugs
) -> None:
    writer.ask(
        "the nomination",
        lambda session: session.load("bugs/77").addNomination(target="/ubuntu/xenial"),
    )
    there.rights = {"nominate"}
    plan = bug_plan.make(bugs.read(writer, NUMBER, rights=True), WANTED)
    assert not any(isinstance(one, Approve) for one in plan.changes)
    plan = bug_plan.make(bugs.read(writer, NUMBER), WANTED)
    assert [one.series for one in plan.changes if isinstance(one, Approve)] == ["xenial"]
    assert AddTask("lib") in plan.changes


def test_a_comment_is_posted_once_however_often_it_is_asked_for(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs
) -> None:
    standin.faults.add(Fault("status", on="POST /devel/bugs/77$", status=503, after=True))
    assert bugs.add_comment_once(writer, NUMBER, "Verified.\n")
    assert not bugs.add_comment_once(writer, NUMBER, "Verified.")
    assert there.comments(NUMBER) == ["Since monday.", "Verified."]


@pytest.mark.usefixtures("there")
def test_tags_are_changed_beside_those_of_others_even_when_somebody_is_faster(
    writer: LaunchpadlibClient, standin: StandIn, world: World
) -> None:
    standin.faults.add(Fault("status", on="PATCH /devel/bugs/77$", status=412))
    bugs.change_tags(writer, NUMBER, add=["done"], remove=["old", "never-there"])
    assert world.entries["/bugs/77"].values["tags"] == ["done"]
    standin.requests.clear()
    assert bugs.change_tags(writer, NUMBER, add=["done"], remove=["old"]) == ("done",)
    assert changed(standin) == []
    standin.faults.add(Fault("status", on="PATCH /devel/bugs/77$", status=412, times=3))
    with pytest.raises(RemoteError, match="412"):
        bugs.change_tags(writer, NUMBER, add=["more"])
