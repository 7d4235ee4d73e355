"""Every fault of Launchpad at `bug`, `wait` and `sponsor`, from the command line.

Each ends in one sentence and the right exit code, and the next call goes on: nothing is done
twice, nothing is left out. The faults of `upload` are in test_upload_faults.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

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

STAYS = [
    (Fault("status", status=401, body="No."), "refuses it (401): No"),
    (Fault("status", status=404, body="gone"), "(404)"),
    (Fault("status", status=429, headers={"Retry-After": "900"}), "asks to wait 900 s"),
    (Fault("status", status=500), "answered 500"),
    (Fault("status", status=502), "answered 502"),
    (Fault("status", status=503), "answered 503"),
    (Fault("status", status=504), "answered 504"),
    (Fault("html"), "a web page instead of data"),
    (Fault("short"), "JSON that ends early"),
    (Fault("truncated"), "broke off the connection"),
    (Fault("reset"), "broke off the connection"),
    (Fault("slow", seconds=1.5), "did not answer in time"),
]
"""What goes wrong with every request of a kind, and what is said of it."""


def names(value: Any) -> str:
    return f"{value.kind}{value.status if value.kind == 'status' else ''}" if isinstance(
        value, Fault
    ) else ""  # fmt: skip


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

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run ``backport WORDS``: exit code, output, errors."""
        self.capsys.readouterr()
        own = ("--recipe", str(self.root / "backport.toml"), "--cache", str(self.root / "cache"))
        code = main([words[0], *own, *words[1:]])
        said = self.capsys.readouterr()
        for secret in (TOKEN, SECRET):
            assert secret not in said.out + said.err
        return code, said.out, said.err

    def fails(self, *words: str, slow: bool = False) -> str:
        """Run a command that ends with exit code 6 and one sentence, which is returned."""
        self.wait_for_answers(1.0 if slow else 20.0)
        code, out, err = self.run(*words)
        self.wait_for_answers(20.0)
        assert code == 6, out + err
        (sentence,) = err.splitlines()
        assert sentence.startswith("backport: ")
        assert sentence.endswith(".")
        return sentence

    def bug(self) -> tuple[str, ...]:
        """`bug --set` with a comment."""
        return ("bug", "--set", "--yes", "--message", str(self.root / "message"))

    def assert_bug_goes_on(self) -> None:
        """The next call makes the bug as wanted, and the one after it changes nothing."""
        self.standin.faults.clear()
        code, out, err = self.run(*self.bug())
        assert code == 0, out + err
        assert self.bugs.comments(NUMBER) == ["Since monday.", COMMENT]
        assert "[ Impact ]" in self.bugs.world.entries[f"/bugs/{NUMBER}"].values["description"]
        assert self.bugs.task(NUMBER, "xenial/alpha")
        self.standin.requests.clear()
        assert self.run(*self.bug())[0] == 0
        assert all(request.startswith("GET") for request in self.standin.requests)


@pytest.fixture
def scene(
    standin: StandIn,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Scene:
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


@pytest.mark.parametrize(("fault", "said"), STAYS, ids=names)
def test_a_bug_that_cannot_be_read_is_left_as_it_is_and_set_by_the_next_call(
    scene: Scene, fault: Fault, said: str
) -> None:
    scene.standin.faults.add(replace(fault, on=f"GET /devel/bugs/{NUMBER}", times=-1))

    sentence = scene.fails(*scene.bug(), slow=fault.kind == "slow")

    if fault.status in (401, 404) and fault.kind == "status":
        said = f"bug {NUMBER} does not exist, or is private"
    assert said in sentence
    assert scene.bugs.comments(NUMBER) == ["Since monday."]
    assert all(request.startswith("GET") for request in scene.standin.requests)
    scene.assert_bug_goes_on()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, headers={"Retry-After": "900"}),
        Fault("status", status=500),
        Fault("status", status=503),
        Fault("status", status=504),
        Fault("html"),
        Fault("reset"),
        Fault("close"),
    ],
    ids=names,
)
def test_a_change_that_was_made_though_it_went_wrong_is_not_made_twice(
    scene: Scene, fault: Fault, after: bool
) -> None:
    """What was carried out before the error is found by a look, and the command goes on."""
    scene.standin.faults.add(
        replace(fault, on=f"POST /devel/bugs/{NUMBER}$", times=-1, after=after)
    )

    code, _, err = scene.run(*scene.bug())

    assert (code, len(err.splitlines())) == ((0, 0) if after else (6, 1)), err
    assert scene.bugs.comments(NUMBER).count(COMMENT) == int(after)
    scene.assert_bug_goes_on()


def test_an_edit_in_the_last_moment_is_a_conflict_and_the_next_call_goes_on(scene: Scene) -> None:
    scene.standin.faults.add(Fault("status", on="PATCH /devel/bugs/77$", status=412, times=-1))

    sentence = scene.fails(*scene.bug())

    assert "has a newer version of it (412)" in sentence
    assert scene.bugs.world.entries["/bugs/77"].values["description"] == "Since monday."
    scene.assert_bug_goes_on()


def test_a_clock_that_is_wrong_is_named_where_launchpad_refuses_the_login(scene: Scene) -> None:
    scene.standin.clock_offset = 7200.0
    scene.standin.faults.add(Fault("status", on="POST /devel/bugs/77$", status=401, times=-1))

    sentence = scene.fails(*scene.bug())

    assert "this machine's clock is 120 minutes behind Launchpad's: set it" in sentence
    scene.standin.clock_offset = 0.0
    scene.assert_bug_goes_on()


@pytest.mark.parametrize("gone", ["private", "missing"])
def test_a_bug_that_cannot_be_seen_is_told_and_found_when_it_can(scene: Scene, gone: str) -> None:
    entry = scene.bugs.world.entries["/bugs/77"]
    if gone == "private":
        scene.bugs.world.hidden["/bugs/77"] = 401
    else:
        del scene.bugs.world.entries["/bugs/77"]

    for words in (scene.bug(), ("bug",), ("sponsor", "--yes")):
        assert "bug 77 does not exist, or is private" in scene.fails(*words)

    scene.bugs.world.hidden.clear()
    scene.bugs.world.entries["/bugs/77"] = entry
    scene.assert_bug_goes_on()


@pytest.mark.parametrize(("fault", "said"), STAYS, ids=names)
def test_a_wait_that_gets_no_answer_at_its_first_look_ends_and_the_next_one_goes_on(
    scene: Scene, fault: Fault, said: str
) -> None:
    scene.standin.faults.add(replace(fault, on="getPublishedSources", times=-1))

    assert said in scene.fails("wait", "--quiet", slow=fault.kind == "slow")

    assert not (scene.root / "build/published").exists()
    scene.standin.faults.clear()
    assert scene.run("wait", "--quiet")[0] == 0
    assert (scene.root / "build/published/xenial/alpha.json").is_file()


@pytest.mark.parametrize(
    ("fault", "said"), [stay for stay in STAYS if stay[0].kind != "slow"], ids=names
)
def test_debdiffs_that_cannot_be_attached_are_attached_once_by_the_next_call(
    scene: Scene, fault: Fault, said: str
) -> None:
    if fault.kind in ("short", "truncated"):
        # The answer to a change has no body that could end early: the state is read before it.
        fault = replace(fault, on="GET /devel/bugs/77", times=-1)
    else:
        fault = replace(fault, on="POST /devel/bugs/77$", times=-1)
    scene.standin.faults.add(fault)

    assert said in scene.fails("sponsor", "--yes", "--quiet")

    world = scene.bugs.world
    assert (world.all("bug_attachment"), world.all("bug_subscription")) == ([], [])
    scene.standin.faults.clear()
    for _ in range(2):
        code, out, err = scene.run("sponsor", "--yes")
        assert code == 0, out + err
        assert len(world.all("bug_attachment")) == 1
        assert len(world.all("bug_subscription")) == 1


@pytest.mark.parametrize(
    "words", [("bug",), ("bug", "--set", "--yes"), ("wait",), ("sponsor", "--yes")], ids=" ".join
)
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
