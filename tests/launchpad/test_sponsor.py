from __future__ import annotations

from pathlib import Path

import pytest

from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.bug import sponsor
from tests.support.launchpad_server import StandIn, World
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
