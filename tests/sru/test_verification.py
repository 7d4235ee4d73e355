from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from backport import cli
from backport.engine.step import Step, StepId
from backport.environments import choose
from backport.errors import HashMismatchError, InputError, MachineError, RemoteError
from backport.launchpad.api.client import ConflictError, LaunchpadlibClient
from backport.launchpad.api.credentials import VARIABLE
from backport.launchpad.api.environment import ROOT_VARIABLE
from backport.run.actions import Actions, Options
from backport.sru import comment, facts, proposed
from backport.sru.facts import Facts
from tests.launchpad.conftest import QUICK
from tests.sru import scenes
from tests.sru.links import Links
from tests.sru.runs import Place
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.launchpad_server.world_builds import Farm
from tests.support.steps import by_name
from tests.support.upload_server.case import write_credentials

BUILD = Step(StepId("build", "xenial", "alpha"))
COMMENT = "Verification done for xenial.\n\nAll is well."
COMMENTS = {series: f"{COMMENT}\n{series}" for series in scenes.SERIES}
BUG = "/bugs/1"


@dataclass
class Scene:
    """A Launchpad with the update in -proposed, a bug that waits for it, and its evidence."""

    place: Place
    world: World
    standin: StandIn
    bugs: Bugs
    client: LaunchpadlibClient

    @property
    def tags(self) -> list[str]:
        return list(self.world.entries[BUG].values["tags"])

    def set_tags(self, *tags: str) -> None:
        self.world.entries[BUG].values["tags"] = sorted(tags)

    def facts(self) -> Facts:
        return facts.read(self.place.recipe(), self.client, scenes.NOW)

    def comments(self) -> int:
        """How many comments are there of those that are posted here."""
        return sum(COMMENT in one for one in self.bugs.comments(1))

    def changes(self) -> list[str]:
        return [request for request in self.standin.requests if not request.startswith("GET")]


def verify(scene: Scene, *words: str) -> int:
    return cli.main(scene.place.command("verify", *words))


@pytest.fixture
def scene(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scenes.place(place)
    place.evidence()
    world = World()
    world.distribution("ubuntu")
    farm = Farm(world)
    for series, version in (("xenial", "16.04"), ("yakkety", "16.10")):
        world.series("ubuntu", series, version, "Supported")
        world.publish(series, "alpha", "0.9-1")
        entry = world.publish(
            series, "alpha", place.version(series), pocket="Proposed", date=scenes.SINCE
        )
        farm.build(entry, binaries={"alpha": scenes.deb(place, series)}, indep=True)
    farm.now = 10_000.0
    bugs = Bugs(world)
    tasks = ["alpha", "xenial/alpha", "yakkety/alpha"]
    bugs.add(1, "It breaks", scenes.GOOD, tags=(*scenes.NEEDED, "sru"), tasks=tasks)
    with StandIn(world) as standin:
        login = write_credentials(place.root / "login", standin.root)
        monkeypatch.setenv(VARIABLE, str(login))
        monkeypatch.setenv(ROOT_VARIABLE, standin.root)
        client = LaunchpadlibClient(
            place.root / "launchpadlib", root=standin.root, limits=QUICK, login=True
        )
        yield Scene(place, world, standin, bugs, client)
        client.close()
        assert standin.faults.left() == [], "a fault was planned that no request has met"


def test_the_bug_the_publications_and_the_files_hashes_are_read(scene: Scene) -> None:
    scene.facts()  # The farm builds when it is asked.
    for entry in scene.world.all("binary_package_publishing_history"):
        entry.values["phased_update_percentage"] = 40
    known = scene.facts()
    assert known.troubles == ()
    assert known.bug is not None
    assert set(scenes.NEEDED) <= {*known.bug.tags}
    there = known.in_pocket(("alpha", "xenial"), "Proposed")
    assert there is not None
    assert there.version == scene.place.version("xenial")
    (file,) = known.binaries["alpha", "xenial"]
    digest = hashlib.sha256(scenes.deb(scene.place, "xenial")).hexdigest()
    assert (file.sha256, file.phased) == (digest, 40)


def test_what_cannot_be_read_is_told_and_the_rest_is_read(scene: Scene) -> None:
    del scene.world.entries[BUG]
    del scene.world.entries["/ubuntu/yakkety"]
    known = scene.facts()
    assert known.bug is None
    assert "does not exist, or is private" in known.troubles[0]
    assert ("alpha", "xenial") in known.binaries
    made = scenes.checklist(scene.place, known)
    whys = {item.place: item.why for item in made.items if " is in " in item.what}
    assert "of alpha in ubuntu yakkety cannot be read" in whys["alpha in yakkety"]
    assert "cannot be read" not in whys["alpha in xenial"]


def test_a_launchpad_that_is_out_of_reach_is_told(place: Place, tmp_path: Path) -> None:
    client = LaunchpadlibClient(tmp_path, root="http://127.0.0.1:9/", limits=QUICK)
    known = facts.read(scenes.place(place).recipe(), client, scenes.NOW)
    assert (known.bug, dict(known.publications), len(known.troubles)) == (None, {}, 1)


def post(scene: Scene, known: Facts) -> list[tuple[str, ...]]:
    """Post on both series; what was written for each."""
    made = scenes.checklist(scene.place, known)
    assert known.bug is not None
    assert [tag.series for tag in made.tags] == ["xenial", "yakkety"]
    return [*comment.post(scene.client, known.bug, made.tags, COMMENTS).values()]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ((*scenes.NEEDED, "verification-failed-xenial"), "set: verification-failed-xenial; re"),
        (("sru",), "removed: verification-needed-xenial"),
    ],
)
def test_tags_that_somebody_else_has_changed_meanwhile_are_not_overwritten(
    scene: Scene, tags: tuple[str, ...], message: str
) -> None:
    known = scene.facts()
    scene.set_tags(*tags)
    with pytest.raises(ConflictError, match=message):
        post(scene, known)
    assert (scene.tags, scene.comments()) == (sorted(tags), 0)


def test_what_somebody_else_has_set_meanwhile_stays_and_is_not_done_again(scene: Scene) -> None:
    known = scene.facts()
    scene.set_tags("verification-done-xenial", scenes.NEEDED[1], "sru", "patch")
    assert post(scene, known) == [("comment",), ("comment", "tags")]
    assert {"patch", "sru", "verification-done-yakkety"} <= {*scene.tags}


def test_a_change_of_the_bug_in_the_last_moment_is_looked_at_again(scene: Scene) -> None:
    scene.standin.faults.add(Fault("status", on=f"PATCH /devel{BUG}$", status=412))
    post(scene, scene.facts())
    assert scene.tags == ["sru", "verification-done-xenial", "verification-done-yakkety"]


def test_a_comment_whose_answer_is_lost_is_there_once(scene: Scene) -> None:
    known = scene.facts()
    scene.standin.faults.add(Fault("close", on=f"POST /devel{BUG}$", after=True))
    with suppress(RemoteError):
        post(scene, known)
    post(scene, known)
    assert scene.comments() == 2


def test_what_is_kept_beside_the_evidence_has_no_address(scene: Scene) -> None:
    known = scene.facts()
    assert known.bug is not None
    tags = scenes.checklist(scene.place, known).tags
    comments = dict.fromkeys(scenes.SERIES, f"{COMMENT} Tested by me@example.org.")
    comment.post(scene.client, known.bug, tags, comments)
    kept = json.dumps(scene.facts().to_json())
    assert "Tested by <email address hidden>." in kept
    assert "@example.org" not in kept


def test_the_command_shows_posts_and_repeats_nothing(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(scene, "--json") == 0
    data = json.loads(capsys.readouterr().out.splitlines()[0])
    assert [one["series"] for one in data["tags"]] == ["xenial", "yakkety"]
    assert data["comments"]["xenial"].startswith("Verification done for xenial.")
    assert verify(scene, "--dry-run", "--post") == 0
    shown = capsys.readouterr().out
    assert "Proposed: verification-done-xenial, in place of verification-needed-xenial." in shown
    assert "Verification done for yakkety." in shown
    assert scene.changes() == []
    assert verify(scene, "--post") == 0
    assert "Posted for xenial: comment and tags." in capsys.readouterr().out
    assert "verification-done-xenial" in scene.tags
    before = scene.changes()
    assert verify(scene, "--post") == 4, "such as the ageing in the later series"
    assert "Nothing is posted: verification-done-xenial, " in capsys.readouterr().out
    assert scene.changes() == before
    folder = (scene.place.store.work / "evidence" / "latest").resolve()
    page = Links(folder.with_name(f"{folder.name}.html"))
    assert page.dead() == []
    # What Launchpad said is kept, and the checklist leads to it.
    record = folder.with_name(f"{folder.name}.launchpad.json")
    assert record.name in page.links
    kept_facts = json.loads(record.read_text())
    assert "verification-done-xenial" in kept_facts["bug"]["tags"]
    assert kept_facts["binaries"]["xenial/alpha"][0]["sha256"]
    kept = json.loads(folder.with_name(f"{folder.name}.checklist.json").read_text())
    assert kept["record_sha256"] == hashlib.sha256(record.read_bytes()).hexdigest()
    assert sum(row.section == "checklist" for row in page.rows) == len(kept["items"]) > 10


def test_the_command_posts_nothing_for_a_stand_in(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.place.kind = "stand-in"
    scene.place.evidence()
    assert verify(scene, "--post") == 4
    told = capsys.readouterr()
    assert "only, not on Ubuntu" in told.out
    assert "nothing is posted, since no series is proved whole" in told.err
    assert scene.changes() == []


def test_offline_or_without_sound_evidence_nobody_is_asked(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(scene, "--offline") == 4
    evidence = scene.place.store.work / "evidence"
    assert not [*evidence.glob("*.launchpad.json")]
    assert verify(scene, "--offline", "--post") == 2
    assert "--offline" in capsys.readouterr().err
    (evidence / "latest/steps/test/xenial/alpha.smoke/log").write_text("all well\n")
    assert verify(scene, "--offline") == 3
    assert "the evidence is faulty, so it proves nothing" in capsys.readouterr().err
    shutil.rmtree(evidence)
    assert verify(scene) == 3
    assert "there is no evidence yet" in capsys.readouterr().err
    assert scene.standin.requests == []


def test_a_build_step_takes_the_published_files_by_their_hashes(
    scene: Scene, tmp_path: Path
) -> None:
    recipe, cache = scene.place.recipe(), scene.place.cache
    base, _ = choose.choose(recipe, "stand-in")
    files = proposed.published(recipe, scene.facts())
    own = Actions(recipe, scene.place.store, base, Options(cache))
    build = proposed.actions(own, files)["build"]
    (name,) = build(BUILD, tmp_path, {}).outputs
    assert (tmp_path / name).read_bytes() == scenes.deb(scene.place, "xenial")
    for path in [path for path in scene.world.files if path.endswith(".deb")]:
        scene.world.files[path] = b"another package"
    shutil.rmtree(cache)
    (tmp_path / name).unlink()
    with pytest.raises(HashMismatchError):
        build(BUILD, tmp_path, {})
    assert not (tmp_path / name).exists()
    # The files are part of the keys of what is built on them.
    steps = by_name(proposed.plan(recipe, base, files, ("xenial",)))
    assert "published" in dict(steps["build/xenial/alpha"].inputs)
    assert "published" not in dict(steps["build/xenial/alpha+unpatched"].inputs)
    assert "build/yakkety/alpha" not in steps


def test_nothing_is_tested_while_a_run_works_on_the_same_bases(scene: Scene) -> None:
    recipe, store = scene.place.recipe(), scene.place.store
    base, _ = choose.choose(recipe, "stand-in")
    options, known = Options(scene.place.cache), scene.facts()
    with store.locked(), pytest.raises(MachineError, match="uses this work folder"):
        proposed.run(recipe, known, store.work, base, options, jobs=1, sink=lambda _: None)


def test_another_version_in_proposed_is_not_tested(scene: Scene) -> None:
    for entry in scene.world.all("source_package_publishing_history"):
        if entry.values["pocket"] == "Proposed":
            entry.values["source_package_version"] = "1.0-1ubuntu0.99"
    with pytest.raises(InputError, match="no package of this update is known to be in -proposed"):
        proposed.published(scene.place.recipe(), scene.facts())
