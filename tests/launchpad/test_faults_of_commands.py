"""Faults of Launchpad at `bug`, `wait` and `sponsor`, from the command line.

Each ends in one sentence and the right exit code, and the next call goes on: nothing is done
twice, nothing is left out. The faults of `upload` are in test_upload_faults.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from backport.cli import main
from backport.launchpad.api.credentials import VARIABLE
from backport.launchpad.upload import journal
from backport.transport import Limits
from tests.support import recipes
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.launchpad_server.world_builds import Farm
from tests.support.recipes import SourceSpec, Spec
from tests.support.upload_server.case import SECRET, TOKEN, write_credentials
from tests.support.uploads import upload_record

NUMBER = 77
VERSION = "1.0-1ubuntu0.16.04.1~ppa1"
SPEC = Spec(sources=(SourceSpec("alpha", base="1.0-1", series=("xenial",)),), series=("xenial",))
SECTIONS = {
    "impact": "It breaks.",
    "test-plan": "1. Break it.",
    "where-problems-could-occur": "It might break elsewhere.",
}
COMMENT = "Ready for review."
BUG = ("bug", "--set", "--yes", "--message", "message")
SPONSOR = ("sponsor", "--yes")
WAIT = ("wait", "--quiet")


@dataclass
class Scene:
    """A bug without its template, an upload that is published, and the commands."""

    root: Path
    standin: StandIn
    bugs: Bugs
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def wait_for_answers(self, seconds: float) -> None:
        """Wait so long for one answer; a busy machine must not look like a fault."""
        quick = partial(
            Limits, connect=20.0, silence=seconds, attempts=2, first_wait=0.01, longest_wait=2.0
        )
        self.monkeypatch.setattr("backport.launchpad.api.client.Limits", quick)

    def run(self, *words: str) -> tuple[int, str]:
        """Run ``backport WORDS``: exit code, errors."""
        self.capsys.readouterr()
        own = ("--recipe", str(self.root / "backport.toml"), "--cache", str(self.root / "cache"))
        code = main([words[0], *own, *words[1:]])
        said = self.capsys.readouterr()
        for secret in (TOKEN, SECRET):
            assert secret not in said.out + said.err
        return code, said.err

    def fails(self, *words: str) -> str:
        """Run a command that ends with exit code 6 and one sentence, which is returned."""
        code, err = self.run(*words)
        errors = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert (code, len(errors)) == (6, 1), err
        assert errors[0].startswith("backport: ")
        assert errors[0].endswith(".")
        return errors[0]

    def done(self) -> tuple[int, int, int, bool]:
        """How often each thing was done: comments, attachments, subscriptions, a record."""
        world = self.bugs.world
        return (
            self.bugs.comments(NUMBER).count(COMMENT),
            len(world.all("bug_attachment")),
            len(world.all("bug_subscription")),
            (self.root / "build/published/xenial/alpha.json").is_file(),
        )

    def assert_goes_on(self, *words: str) -> None:
        """The next call does what is wanted, and the one after it changes nothing."""
        self.standin.faults.clear()
        self.standin.clock_offset = 0.0
        code, err = self.run(*words)
        assert code == 0, err
        wanted = {BUG: (1, 0, 0, False), SPONSOR: (0, 1, 1, False), WAIT: (0, 0, 0, True)}[words]
        assert self.done() == wanted
        self.standin.requests.clear()
        assert self.run(*words)[0] == 0
        assert all(request.startswith("GET") for request in self.standin.requests)


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
    monkeypatch.setenv(VARIABLE, str(write_credentials(tmp_path / "login", standin.root)))
    world.tokens = {TOKEN}
    bugs = Bugs(world)
    bugs.add(NUMBER, "It breaks", "Since monday.", tasks=["alpha"])
    content = recipes.data(SPEC)
    content["update"] |= {"bug": NUMBER, "ppa": "me/sru"}
    content["bug"] = SECTIONS
    recipes.write(tmp_path, SPEC, content)
    (tmp_path / "message").write_text(COMMENT)
    farm = Farm(world)
    farm.build(farm.accept(farm.ppa("me", "sru"), "xenial", "alpha", VERSION))
    farm.now = 1000.0
    journal.write(tmp_path / "build", upload_record("alpha", VERSION, root=standin.root))
    made = tmp_path / "build/source/xenial/alpha"
    made.mkdir(parents=True)
    (made / "alpha_1.0-1ubuntu0.16.04.1.dsc").write_text("")
    (made / "alpha_1.0-1ubuntu0.16.04.1.debdiff").write_text("+x\n")
    made_scene = Scene(tmp_path, standin, bugs, capsys, monkeypatch)
    made_scene.wait_for_answers(20.0)
    return made_scene


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", status=401, body="No."), "does not exist, or is private|refuses it"),
        (Fault("status", status=429, headers={"Retry-After": "900"}), "asks to wait 900 s"),
        (Fault("status", status=503), "answered 503"),
        (Fault("html"), "a web page instead of data"),
        (Fault("short"), "JSON that ends early"),
        (Fault("truncated"), "broke off the connection"),
        (Fault("slow", seconds=1.5), "did not answer in time"),
    ],
    ids=["401", "429", "503", "html", "short", "truncated", "slow"],
)
@pytest.mark.parametrize(
    ("words", "on"),
    [(BUG, "GET /devel/bugs/77"), (SPONSOR, "GET /devel/bugs/77"), (WAIT, "getPublishedSources")],
    ids=["bug", "sponsor", "wait"],
)
def test_what_cannot_be_read_is_left_as_it_is_and_done_by_the_next_call(
    scene: Scene, words: tuple[str, ...], on: str, fault: Fault, said: str
) -> None:
    scene.standin.faults.add(replace(fault, on=on, times=-1))
    scene.wait_for_answers(1.0 if fault.kind == "slow" else 20.0)

    sentence = scene.fails(*words)

    assert any(text in sentence for text in said.split("|"))
    assert scene.done() == (0, 0, 0, False)
    scene.wait_for_answers(20.0)
    scene.assert_goes_on(*words)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, headers={"Retry-After": "900"}),
        Fault("status", status=504),
        Fault("html"),
        Fault("reset"),
        Fault("close"),
    ],
    ids=["429", "504", "html", "reset", "close"],
)
@pytest.mark.parametrize("words", [BUG, SPONSOR], ids=["bug", "sponsor"])
def test_a_change_that_was_made_though_it_went_wrong_is_not_made_twice(
    scene: Scene, words: tuple[str, ...], fault: Fault, after: bool
) -> None:
    """What was carried out before the error is found by a look, and the command goes on."""
    planned = replace(fault, on=f"POST /devel/bugs/{NUMBER}$", times=-1, after=after)
    scene.standin.faults.add(planned)

    if after:
        assert scene.run(*words)[0] == 0
    else:
        scene.fails(*words)
        assert scene.done() == (0, 0, 0, False)
    scene.assert_goes_on(*words)


@pytest.mark.parametrize(
    ("on", "status", "clock", "said"),
    [
        ("PATCH /devel/bugs/77$", 412, 0.0, "has a newer version of it (412)"),
        ("POST /devel/bugs/77$", 401, 7200.0, "clock is 120 minutes behind Launchpad's: set it"),
    ],
    ids=["an edit in the last moment", "a wrong clock"],
)
def test_a_refused_change_says_why_and_the_next_call_goes_on(
    scene: Scene, on: str, status: int, clock: float, said: str
) -> None:
    scene.standin.clock_offset = clock
    scene.standin.faults.add(Fault("status", on=on, status=status, times=-1))

    assert said in scene.fails(*BUG)

    scene.assert_goes_on(*BUG)


@pytest.mark.parametrize("words", [("bug",), BUG, WAIT, SPONSOR], ids=" ".join)
def test_a_launchpad_that_refuses_connections_is_one_sentence_for_each_command(
    scene: Scene, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(World()) as gone:
        pass
    for name in ("login", "build/uploads/xenial_alpha_" + VERSION + ".json"):
        path = scene.root / name
        path.write_text(path.read_text().replace(scene.standin.root, gone.root))
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", gone.root)

    assert "the connection is refused" in scene.fails(*words)
