from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from backport.engine import owner
from backport.engine.outputs import PROPOSED
from backport.engine.step import StepId
from backport.engine.store import RECORD, Outcome, Store
from backport.engine.verdict import Passed
from backport.environments import prepared
from backport.environments.base import PreparedBase
from backport.run import clean

DAY = 86400.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "work")


def step(store: Store, name: str, age: float = 0.0, files: dict[str, str] | None = None) -> Path:
    """A step that passed so many days ago."""
    scratch = store.scratch(name)
    for path, text in (files or {}).items():
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
        (scratch / path).write_text(text)
    step_id = StepId(*name.split("/"))
    store.commit(step_id, "key", Outcome(Passed()), scratch, time.time())
    folder = store.folder(step_id)
    when = time.time() - age * DAY
    os.utime(folder / RECORD, (when, when))
    return folder


def base(store: Store, series: str, home: Path, key: str, age: float = 0.0) -> None:
    """A base step that names the chroot and the testbed of that key."""
    chroot, root = home / f"chroot-{key}.tar", home / f"testbed-{key}"
    data = asdict(PreparedBase("stand-in", "bullseye", home / f"base-{key}", chroot, root))
    step(store, f"base/{series}", age, {prepared.FILE: json.dumps(data, default=str)})


PARTS = ("chroot-{}.tar", "testbed-{}", "base-{}", "modules-{}", "pool-{}.json")


def leftovers(home: Path, *keys: str) -> None:
    for key in keys:
        for part in PARTS:
            (home / part.format(key)).mkdir(parents=True)


def gone(store: Store, before: float) -> list[str]:
    return [str(path.relative_to(store.work)) for path in clean.old(store, before)]


def test_steps_that_are_older_go_and_the_others_stay(store: Store) -> None:
    for name, age in (("dependencies", 9.0), ("fetch/a", 31.0), ("build/xenial/a", 31.0)):
        step(store, name, age)
    step(store, "build/xenial/b", 1.0)
    before = time.time() - 30 * DAY
    assert gone(store, before) == ["fetch/a", "build/xenial/a"]


def test_the_evidence_and_what_is_not_known_stay_at_any_age(store: Store) -> None:
    step(store, "build/xenial/a", 99.0)
    other = store.work / "evidence" / "xenial"
    other.mkdir(parents=True)
    for path in (other / RECORD, store.work / "summary.json", store.work / "evidence" / RECORD):
        path.write_text('{"name": "evidence/xenial"}')
        os.utime(path, (0, 0))
    (store.work / "kept/xenial_a").mkdir(parents=True)
    assert gone(store, time.time() - DAY) == ["build/xenial/a"]
    assert gone(store, time.time() + DAY) == ["build/xenial/a", "kept/xenial_a"]


def test_an_artifact_that_is_named_like_a_record_is_no_step(store: Store) -> None:
    step(store, "test/xenial/a.smoke", 0.0)
    folder = step(store, "fetch/a", 0.0, {f"inner/{RECORD}": '{"name": "elsewhere"}'})
    os.utime(folder / "inner" / RECORD, (0, 0))
    assert gone(store, time.time() - DAY) == []


@pytest.mark.parametrize(
    ("age", "steps", "key"), [(-40.0, [], "one"), (50.0, ["base/xenial"], "two")]
)
def test_a_base_goes_unless_a_step_that_stays_names_it(
    store: Store, age: float, steps: list[str], key: str
) -> None:
    home = store.work / "bases" / "ubuntu" / "xenial"
    leftovers(home, *{key, "two"})
    base(store, "xenial", home, "two", age)
    for left in ("modules-two", "pool-two.json") if key == "one" else ():
        os.utime(home / left, (2e9, 2e9))  # the newest
    parts = [f"bases/ubuntu/xenial/{part.format(key)}" for part in PARTS]
    assert gone(store, time.time() + DAY) == [*steps, *parts]


def test_a_base_that_the_tests_of_proposed_use_stays(store: Store) -> None:
    home = store.work / "bases" / "ubuntu" / "xenial"
    leftovers(home, "one")
    (beside := Store(store.work / PROPOSED)).work.mkdir()
    (beside.work / "bases").symlink_to("../bases")
    base(beside, "xenial", home, "one")
    stays = {f"bases/ubuntu/xenial/{part.format('one')}" for part in PARTS[:3]}
    assert stays.isdisjoint(gone(store, time.time() + DAY))
    assert gone(beside, time.time() + DAY) == ["base/xenial"]


def test_what_is_inside_of_a_testbed_is_no_base(store: Store) -> None:
    home = store.work / "bases" / "stand-in"
    leftovers(home, "one")
    (home / "testbed-one" / "testbed-inner").mkdir()
    (home / "testbed-one" / ".new-inner").mkdir()
    base(store, "xenial", home, "one", age=-2.0)
    assert not any("inner" in name for name in gone(store, time.time() + DAY))


def test_what_a_kill_left_half_made_goes_at_any_age(store: Store) -> None:
    for name in ("scratch/.making-1", "bases/stand-in/.new-2", ".making-3", "scratch/build_x"):
        (store.work / name).mkdir(parents=True)
    assert sorted(gone(store, 0.0)) == [".making-3", "bases/stand-in/.new-2", "scratch/.making-1"]


def test_what_killed_runs_left_elsewhere_goes_and_what_live_runs_have_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    note = json.dumps({"pid": 1, "start": "0", "boot": "an older one"})
    dead = [tmp_path / "evidence-x", tmp_path / "cache/part/x", tmp_path / "cache/dsc/.new-x"]
    for folder in dead:
        folder.mkdir(parents=True)
        folder.with_name(f"{folder.name}{owner.NOTE}").write_text(note)
    with owner.temporary("evidence-") as live:
        assert {*map(str, dead)} <= {*clean.left_by_kills(tmp_path / "cache", remove=False)}
        assert all(folder.exists() for folder in dead)
        assert {*map(str, dead)} <= {*clean.left_by_kills(tmp_path / "cache", remove=True)}
        assert [*tmp_path.glob(f"**/*{owner.NOTE}")] == [Path(f"{live}{owner.NOTE}")]
        assert not any(folder.exists() for folder in dead)
        assert live.exists()
