from __future__ import annotations

from pathlib import Path

import pytest

from backport.errors import InputError, RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.bug import sponsor
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs

NUMBER = 77


@pytest.fixture
def there(world: World) -> Bugs:
    found = Bugs(world)
    found.add(NUMBER, "It breaks", "Since monday.", tags=["old"], tasks=["app", "xenial/app"])
    return found


def made(work: Path, source: str, series: str, version: str, text: str = "-a\n+b\n") -> None:
    folder = work / "source" / series / source
    folder.mkdir(parents=True)
    (folder / f"{source}_{version}.dsc").write_text("")
    if text:
        (folder / f"{source}_{version}.debdiff").write_text(text)


@pytest.fixture
def debdiffs(tmp_path: Path) -> list[sponsor.Debdiff]:
    made(tmp_path, "app", "xenial", "1.0-1ubuntu0.1", "\u00e4\r\n--boundary\n+\x00\n")
    made(tmp_path, "app", "bionic", "1.1-1ubuntu0.1")
    found, notes = sponsor.find(tmp_path, [("app", "xenial"), ("app", "bionic")])
    assert notes == []
    return found


def test_debdiffs_are_attached_once_as_patches_the_sponsors_subscribed_and_all_else_stays(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, debdiffs: list[sponsor.Debdiff]
) -> None:
    done = sponsor.carry_out(writer, NUMBER, debdiffs)
    assert done == [
        "attached app_1.0-1ubuntu0.1.xenial.debdiff",
        "attached app_1.1-1ubuntu0.1.bionic.debdiff",
        "subscribed ubuntu-sponsors",
    ]
    attached = there.below("bug_attachment", "/bugs/77")
    assert [(one.values["title"], one.values["type"]) for one in attached] == [
        ("app_1.0-1ubuntu0.1.xenial.debdiff", "Patch"),
        ("app_1.1-1ubuntu0.1.bionic.debdiff", "Patch"),
    ]
    stored = there.world.files[f"/devel{attached[0].path}/data"]
    assert stored == debdiffs[0].path.read_bytes()
    bug = there.world.entries["/bugs/77"].values
    assert (bug["description"], bug["tags"]) == ("Since monday.", ["old"])
    assert there.task(NUMBER, "xenial/app").values["status"] == "New"
    assert there.below("bug_nomination", "/bugs/77") == []
    standin.requests.clear()
    assert sponsor.carry_out(writer, NUMBER, debdiffs) == []
    assert all(request.startswith("GET") for request in standin.requests)


@pytest.mark.parametrize("kind", ["status", "reset"])
def test_an_attachment_whose_answer_is_lost_is_not_attached_twice(
    writer: LaunchpadlibClient,
    standin: StandIn,
    there: Bugs,
    debdiffs: list[sponsor.Debdiff],
    kind: str,
) -> None:
    fault = Fault(kind, on="POST /devel/bugs/77", after=True, times=3)  # type: ignore[arg-type]
    standin.faults.add(fault)
    assert len(sponsor.carry_out(writer, NUMBER, debdiffs)) == 3
    assert len(there.below("bug_attachment", "/bugs/77")) == 2


def test_an_attachment_that_fails_leaves_the_rest_for_the_next_call(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, debdiffs: list[sponsor.Debdiff]
) -> None:
    standin.faults.add(Fault("status", on="POST /devel/bugs/77", status=504))
    with pytest.raises(RemoteError, match="cannot be attached, since Launchpad answered 504"):
        sponsor.carry_out(writer, NUMBER, debdiffs)
    assert there.below("bug_subscription", "/bugs/77") == []
    assert len(sponsor.carry_out(writer, NUMBER, debdiffs)) == 3


def test_a_debdiff_with_another_content_is_attached_beside_the_old_one_and_told(
    writer: LaunchpadlibClient, debdiffs: list[sponsor.Debdiff], there: Bugs
) -> None:
    sponsor.carry_out(writer, NUMBER, debdiffs[:1])
    debdiffs[0].path.write_text("other")
    state = sponsor.read(writer, NUMBER, [debdiff.title for debdiff in debdiffs])
    todo = sponsor.plan(state, debdiffs[:1])
    assert "is there with another content" in todo.notes[0]
    sponsor.carry_out(writer, NUMBER, debdiffs[:1])
    assert len(there.below("bug_attachment", "/bugs/77")) == 2


def test_a_source_without_a_base_is_told_and_one_for_testing_only_is_refused(
    tmp_path: Path,
) -> None:
    made(tmp_path, "app", "xenial", "1.0-1ubuntu0.1")
    made(tmp_path, "new", "xenial", "2.0-1~ubuntu16.04.1", "")
    found, notes = sponsor.find(tmp_path, [("app", "xenial"), ("new", "xenial")])
    assert [one.source for one in found] == ["app"]
    assert notes[0].startswith("new in xenial has no debdiff")
    made(tmp_path, "raw", "xenial", "1.0-0ubuntu0.16.04.1~standin1")
    with pytest.raises(InputError, match="for testing only"):
        sponsor.find(tmp_path, [("raw", "xenial")])
    with pytest.raises(InputError, match="was not made yet"):
        sponsor.find(tmp_path, [("app", "zesty")])
