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
    content["bug"] = SECTIONS | {"status": "In Progress"}
    return recipes.write(tmp_path, SPEC, content)


def run(recipe: Path, *words: str) -> int:
    return main(
        [words[0], "--recipe", str(recipe), "--cache", str(recipe.parent / "c"), *words[1:]]
    )


def record(recipe: Path, root: str, state: str = "accepted") -> None:
    journal.write(recipe.parent / "build", upload_record("alpha", VERSION, root=root, state=state))


def write_source(work: Path, source: str, version: str, debdiff: str = "") -> None:
    """A source package for xenial, as far as `sponsor` looks at it."""
    folder = work / "source/xenial" / source
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{source}_{version}.dsc").write_text("")
    if debdiff:
        (folder / f"{source}_{version}.debdiff").write_text(debdiff)


def test_bug_shows_the_difference_and_changes_nothing(
    recipe: Path, there: Bugs, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe, "bug") == 0
    out = capsys.readouterr().out
    assert "add the task beta (Ubuntu)" in out
    assert "nominate the bug for xenial" in out
    assert "+[ Impact ]" in out
    assert "  alpha (Ubuntu Zesty): New\n" in out
    assert "set alpha (Ubuntu Zesty) from New to In Progress" in out
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
    assert there.task(77, "xenial/beta").values["status"] == "In Progress"
    standin.requests.clear()
    assert run(recipe, "bug", "--set", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
    assert all(request.startswith("GET") for request in standin.requests)


def test_bug_posts_a_message_once(recipe: Path, there: Bugs, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text("\n")
    words = ("bug", "--set", "--yes", "--message", str(message))
    assert run(recipe, *words) == 3
    message.write_text("Ready for review.\n")
    assert (run(recipe, *words), run(recipe, *words)) == (0, 0)
    assert there.comments(77) == ["Since monday.", "Ready for review."]


def test_bug_exits_6_when_something_was_refused_and_does_the_rest(
    recipe: Path, there: Bugs, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    there.rights = set()
    assert run(recipe, "bug", "--set", "--yes") == 6
    captured = capsys.readouterr()
    assert "not done: nominate the bug for xenial" in captured.out
    assert captured.err.count("\n") == 1
    assert world.entries["/bugs/77"].values["tags"] == ["sru"]


@pytest.mark.usefixtures("there")
def test_sponsor_shows_attaches_and_repeats_nothing(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    write_source(recipe.parent / "build", "alpha", "1.0-1ubuntu0.16.04.1", "+x\n")
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
    write_source(recipe.parent / "build", "beta", "2.0-1~ubuntu16.04.1")
    only = ("--series", "xenial", "--source", "beta")
    assert run(recipe, "sponsor", *only) == 3
    assert "no source package has a debdiff" in capsys.readouterr().err
    write_source(recipe.parent / "build", "beta", "1.9-1~standin1")
    assert run(recipe, "sponsor", *only) == 3
    assert "is for testing only" in capsys.readouterr().err


def test_wait_exits_4_with_the_end_of_the_log_when_a_build_failed(
    recipe: Path, world: World, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    farm = Farm(world)
    there = farm.accept(farm.ppa("me", "sru"), "xenial", "alpha", VERSION)
    farm.build(there, "amd64", ends("Failed to build"), log=b"dpkg-buildpackage: error\n")
    farm.now = 1000.0
    record(recipe, standin.root)
    for words in (("wait", "--retries", "0"), ("wait", "--quiet")):
        assert run(recipe, *words) == 4
        out = capsys.readouterr().out
        assert "  | dpkg-buildpackage: error" in out
        assert "Not all of it was built: 0 of 1 builds are published." in out
        assert out.count(f"xenial/alpha {VERSION} amd64: failed\n") == 2 - ("--quiet" in words)


def test_wait_refuses_what_is_no_time(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(recipe, "wait", "--minutes", "0") == 2
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
