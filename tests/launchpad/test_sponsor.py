from __future__ import annotations

from pathlib import Path

import pytest

from backport.errors import RemoteError
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


@pytest.fixture
def debdiffs(tmp_path: Path) -> list[sponsor.Debdiff]:
    made = []
    for series, text in (("xenial", "\u00e4\r\n--boundary\n+\x00\n"), ("bionic", "-a\n+b\n")):
        path = tmp_path / series / "app_1.0-1ubuntu0.1.debdiff"
        path.parent.mkdir()
        path.write_text(text)
        made.append(sponsor.Debdiff("app", series, path))
    return made


def test_debdiffs_are_attached_once_as_patches_the_sponsors_subscribed_and_all_else_stays(
    writer: LaunchpadlibClient, standin: StandIn, there: Bugs, debdiffs: list[sponsor.Debdiff]
) -> None:
    titles = [f"app_1.0-1ubuntu0.1.{series}.debdiff" for series in ("xenial", "bionic")]
    done = sponsor.carry_out(writer, NUMBER, debdiffs)
    assert done == [*(f"attached {title}" for title in titles), "subscribed ubuntu-sponsors"]
    attached = there.below("bug_attachment", "/bugs/77")
    assert [(one.values["title"], one.values["type"]) for one in attached] == [
        (title, "Patch") for title in titles
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
    # Another content is another attachment.
    debdiffs[0].path.write_text("other")
    assert sponsor.carry_out(writer, NUMBER, debdiffs) == [f"attached {titles[0]}"]


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
