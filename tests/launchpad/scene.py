"""A bug and an upload that was built, and the commands that follow an upload."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from backport.cli import main
from backport.launchpad.api.credentials import VARIABLE
from backport.launchpad.upload import journal
from backport.transport import Limits
from tests.support import recipes
from tests.support.launchpad_server import Entry, StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.launchpad_server.world_builds import Farm
from tests.support.recipes import SourceSpec, Spec
from tests.support.upload_server.case import SECRET, TOKEN, write_credentials
from tests.support.uploads import upload_record

NUMBER = 77
VERSION = "1.0-1ubuntu0.16.04.1~ppa1"
SPEC = Spec(
    sources=(
        SourceSpec("app", pinned="1.0-1", series=("xenial",), quilt={"series": ("lock.patch",)}),
    ),
    series=("xenial",),
    variants={"unpatched": ("app",)},
    matrix=(
        {"name": "smoke", "source": "app"},
        {
            "name": "race",
            "source": "app",
            "control": {"test": "race-control", "variant": "unpatched"},
        },
    ),
)
SECTIONS = {
    "impact": "It breaks.",
    "test-plan": "1. Break it.",
    "where-problems-could-occur": "It might break elsewhere.",
    "status": "In Progress",
}
COMMENT = f"These packages were uploaded to ppa:me/sru for testing:\n\nxenial: app {VERSION}"
BUG = ("bug", "--set", "--yes", "--milestone", "uploaded")
SPONSOR = ("sponsor", "--yes")
WAIT = ("wait", "--quiet")


def record(root: Path, launchpad: str, state: str = "accepted") -> None:
    """Let `upload` have left its record."""
    journal.write(root / "build", upload_record("app", VERSION, root=launchpad, state=state))


@dataclass
class Scene:
    """A bug without its template, an upload that is published, and the commands."""

    root: Path
    standin: StandIn
    bugs: Bugs
    farm: Farm
    upload: Entry
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run ``backport WORDS``: exit code, output, errors."""
        self.capsys.readouterr()
        own = ("--recipe", str(self.root / "backport.toml"), "--cache", str(self.root / "cache"))
        code = main([words[0], *own, *words[1:]])
        out, err = self.capsys.readouterr()
        for secret in (TOKEN, SECRET):
            assert secret not in out + err
        return code, out, err

    def fails(self, *words: str) -> str:
        """Run a command that ends with exit code 6 and one sentence, which is returned."""
        code, _, err = self.run(*words)
        assert (code, err.count("\n")) == (6, 1), err
        assert err.startswith("backport: ")
        assert err.endswith(".\n")
        return err

    def unchanged(self) -> bool:
        """Whether nothing but questions came since the requests were cleared."""
        return all(request.startswith("GET") for request in self.standin.requests)

    def done(self) -> tuple[int, int, int, bool]:
        """How often each thing was done: comments, attachments, subscriptions, a record."""
        world = self.bugs.world
        return (
            self.bugs.comments(NUMBER).count(COMMENT),
            len(world.all("bug_attachment")),
            len(world.all("bug_subscription")),
            (self.root / "build/published/xenial/app.json").is_file(),
        )

    def assert_goes_on(self, *words: str) -> None:
        """The next call does what is wanted, and the one after it changes nothing."""
        self.standin.faults.clear()
        self.standin.clock_offset = 0.0
        code, _, err = self.run(*words)
        assert code == 0, err
        wanted = {BUG: (1, 0, 0, False), SPONSOR: (0, 1, 1, False), WAIT: (0, 0, 0, True)}[words]
        assert self.done() == wanted
        self.standin.requests.clear()
        assert self.run(*words)[0] == 0
        assert self.unchanged()


@pytest.fixture
def scene(
    standin: StandIn,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Scene:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", standin.root)
    monkeypatch.setenv("BACKPORT_AUTOPKGTEST_RESULTS", f"{standin.root}results")
    monkeypatch.setenv(VARIABLE, str(write_credentials(tmp_path / "login", standin.root)))
    world.tokens = {TOKEN}
    bugs = Bugs(world)
    bugs.add(NUMBER, "It breaks", "Since monday.", tasks=["app"])
    content = recipes.data(SPEC)
    content["update"] |= {"bug": NUMBER, "ppa": "me/sru"}
    content["bug"] = SECTIONS
    recipes.write(tmp_path, SPEC, content)
    farm = Farm(world)
    upload = farm.accept(farm.ppa("me", "sru"), "xenial", "app", VERSION)
    record(tmp_path, standin.root)
    made = tmp_path / "build/source/xenial/app"
    made.mkdir(parents=True)
    (made / "app_1.0-1ubuntu0.16.04.1.dsc").write_text("")
    (made / "app_1.0-1ubuntu0.16.04.1.debdiff").write_text("+x\n")
    quick = partial(Limits, connect=20.0, attempts=2, first_wait=0.01, longest_wait=2.0)
    monkeypatch.setattr("backport.launchpad.api.client.Limits", quick)
    return Scene(tmp_path, standin, bugs, farm, upload, capsys, monkeypatch)
