from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backport.cli import main
from backport.launchpad.api.credentials import VARIABLE
from backport.launchpad.upload import journal
from tests.support import recipes
from tests.support.launchpad_server import StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.launchpad_server.world_builds import Farm, ends
from tests.support.recipes import SourceSpec, Spec
from tests.support.upload_server.case import write_credentials
from tests.support.uploads import upload_record

SPEC = Spec(
    sources=(
        SourceSpec("alpha", base="1.0-1", series=("xenial", "zesty")),
        SourceSpec("beta", "2.0", base="2.0-1", series=("xenial",)),
    ),
    series=("xenial", "zesty"),
)
SECTIONS = {
    "impact": "It breaks.",
    "test-plan": "1. Break it.",
    "where-problems-could-occur": "It might break elsewhere.",
    "tags": ["sru"],
}
VERSION = "1.0-1~ubuntu16.04.1~ppa1"


@pytest.fixture(autouse=True)
def asked(standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", standin.root)
    monkeypatch.setenv(VARIABLE, str(write_credentials(tmp_path / "login", standin.root)))


@pytest.fixture
def there(world: World) -> Bugs:
    found = Bugs(world)
    found.add(77, "It breaks", "Since monday.", tasks=["alpha", "zesty/alpha"])
    return found


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    content: dict[str, Any] = recipes.data(SPEC)
    content["update"] |= {"bug": 77, "ppa": "me/sru"}
    content["bug"] = SECTIONS
    return recipes.write(tmp_path, SPEC, content)


def run(recipe: Path, *words: str) -> int:
    return main(
        [words[0], "--recipe", str(recipe), "--cache", str(recipe.parent / "c"), *words[1:]]
    )


def record(recipe: Path, root: str, state: str = "accepted") -> None:
    journal.write(recipe.parent / "build", upload_record("alpha", VERSION, root=root, state=state))


def test_bug_shows_the_difference_and_changes_nothing(
    recipe: Path, there: Bugs, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe, "bug") == 0
    out = capsys.readouterr().out
    assert "add the task beta (Ubuntu)" in out
    assert "nominate the bug for xenial" in out
    assert "+[ Impact ]" in out
    assert "alpha           New          (no task)  New" in out
    assert all(request.startswith("GET") for request in standin.requests)
    assert there.comments(77) == ["Since monday."]


def test_bug_asks_before_it_changes_anything(
    recipe: Path, there: Bugs, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe, "bug", "--set") == 2
    assert "nobody is there to be asked" in capsys.readouterr().err
    assert all(request.startswith("GET") for request in standin.requests)
    assert run(recipe, "bug", "--set", "--yes") == 0
    out = capsys.readouterr().out
    assert "done: approve the nomination for xenial" in out
    assert "The bug is as wanted: nothing to change." in out
    assert there.task(77, "xenial/beta").values["status"] == "New"
    standin.requests.clear()
    assert run(recipe, "bug", "--set", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
    assert all(request.startswith("GET") for request in standin.requests)


def test_bug_comments_once_on_what_was_uploaded_and_raises_the_status(
    recipe: Path, there: Bugs, standin: StandIn, tmp_path: Path
) -> None:
    words = ("bug", "--set", "--yes", "--quiet", "--milestone", "uploaded")
    words += ("--status", "In Progress")
    assert run(recipe, *words) == 3
    record(recipe, standin.root)
    message = tmp_path / "message"
    message.write_text("Ready for review.\n")
    assert run(recipe, *words, "--message", str(message)) == 0
    assert run(recipe, *words, "--message", str(message)) == 0
    uploaded = f"These packages are in ppa:me/sru for testing:\n\nxenial: alpha {VERSION}"
    assert there.comments(77) == ["Since monday.", uploaded, "Ready for review."]
    assert there.task(77, "xenial/alpha").values["status"] == "In Progress"


def test_bug_exits_6_when_something_was_refused_and_does_the_rest(
    recipe: Path, there: Bugs, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    there.rights = set()
    assert run(recipe, "bug", "--set", "--yes") == 6
    captured = capsys.readouterr()
    assert "not done: nominate the bug for xenial" in captured.out
    assert captured.err.count("\n") == 1
    assert world.entries["/bugs/77"].values["tags"] == ["sru"]


def test_bug_refuses_a_status_that_is_not_launchpads(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(recipe, "bug", "--status", "Done")
    assert "--status: invalid choice: 'Done'" in capsys.readouterr().err


@pytest.mark.usefixtures("there")
def test_sponsor_shows_attaches_and_repeats_nothing(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recipe.parent / "build/source/xenial/alpha"
    folder.mkdir(parents=True)
    (folder / "alpha_1.0-1ubuntu0.16.04.1.dsc").write_text("")
    (folder / "alpha_1.0-1ubuntu0.16.04.1.debdiff").write_text("+x\n")
    only = ("--series", "xenial", "--source", "alpha")
    assert run(recipe, "sponsor", *only, "--dry-run") == 0
    assert "to subscribe: ubuntu-sponsors" in capsys.readouterr().out
    assert run(recipe, "sponsor", *only) == 2
    assert run(recipe, "sponsor", *only, "--yes", "--json") == 0
    capsys.readouterr()
    assert [one.values["title"] for one in world.all("bug_attachment")] == [
        "alpha_1.0-1ubuntu0.16.04.1.xenial.debdiff"
    ]
    assert run(recipe, "sponsor", *only, "--yes") == 0
    assert "has every debdiff" in capsys.readouterr().out
    assert run(recipe, "sponsor", "--yes") == 3
    assert "beta for xenial was not made yet" in capsys.readouterr().err


def test_wait_exits_4_with_the_end_of_the_log_when_a_build_failed(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    farm = Farm(world)
    there = farm.accept(farm.ppa("me", "sru"), "xenial", "alpha", VERSION)
    farm.build(there, "amd64", ends("Failed to build"), log=b"dpkg-buildpackage: error\n")
    farm.now = 1000.0
    assert run(recipe, "wait", "--upload", f"xenial/alpha={VERSION}", "--retries", "0") == 4
    out = capsys.readouterr().out
    assert "  | dpkg-buildpackage: error" in out
    assert "Not all of it was built: 0 of 1 builds are published." in out


def test_wait_refuses_what_names_no_upload_or_no_time(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(recipe, "wait", "--upload", "alpha") == 2
    assert run(recipe, "wait", "--minutes", "0") == 2
    assert run(recipe, "wait", "--interval", "nan") == 2
    assert "write SERIES/SOURCE=VERSION" in capsys.readouterr().err
    for text in ("soon", "0", "-1", "inf"):
        monkeypatch.setenv("BACKPORT_POLL_SECONDS", text)
        assert run(recipe, "wait") == 2
        assert f"BACKPORT_POLL_SECONDS: {text!r} is no number" in capsys.readouterr().err


def test_wait_does_not_wait_for_what_was_not_sent(
    recipe: Path, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe, "wait") == 3
    assert "nothing was uploaded to ppa:me/sru yet" in capsys.readouterr().err
    record(recipe, standin.root, "broken")
    assert run(recipe, "wait") == 3
    assert "is broken and is not waited for" in capsys.readouterr().err


def test_wait_is_ended_by_a_signal_and_goes_on_with_the_next_call(
    recipe: Path, world: World, standin: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    farm = Farm(world)
    farm.build(farm.accept(farm.ppa("me", "sru"), "xenial", "alpha", VERSION))
    record(recipe, standin.root)
    words = ["wait", "--recipe", str(recipe), "--cache", str(recipe.parent / "c"), "--json"]
    one = subprocess.Popen([sys.executable, "-m", "backport.cli", *words], stdout=subprocess.PIPE)
    assert one.stdout is not None
    assert json.loads(one.stdout.readline())["phase"] == "queued"
    one.send_signal(signal.SIGTERM)
    one.communicate()
    assert one.returncode == 128 + signal.SIGTERM
    assert "the next run goes on" in capfd.readouterr().err
    farm.now = 1000.0
    assert run(recipe, "wait", "--quiet") == 0
