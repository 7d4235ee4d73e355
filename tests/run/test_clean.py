from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import pytest

from backport.engine import owner
from backport.engine.store import RECORD, Outcome, Store
from backport.engine.verdict import Passed
from backport.run import clean
from tests.support.source_builder import write_files
from tests.support.steps import step_id


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "work")


def test_steps_and_bases_go_and_the_evidence_and_what_is_not_known_stay(store: Store) -> None:
    for name in ("dependencies", "fetch/a", "build/xenial/a"):
        store.commit(step_id(name), "", Outcome(Passed()), store.scratch(name), time.time())
    files = ("summary.json", f"evidence/xenial/{RECORD}", "test/xenial/own", "source/own/text")
    write_files(store.work, dict.fromkeys(files, ""))
    write_files(store.work, {"bases/ubuntu/xenial/chroot-1.tar": "", "kept/xenial_a/bin/sh": ""})
    names = {str(path.relative_to(store.work)) for path in clean.made(store)}
    assert names == {"dependencies", "fetch/a", "build/xenial/a", "bases/ubuntu", "kept/xenial_a"}


def test_the_bases_of_another_work_folder_stay(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bases/ubuntu/.new-1").mkdir(parents=True)
    store.work.mkdir()
    (store.work / "bases").symlink_to(tmp_path / "bases")
    assert [*clean.made(store), *clean.unfinished(store)] == []


def test_what_a_kill_left_half_made_goes_but_not_what_is_in_a_testbed(store: Store) -> None:
    made = ("scratch/.making-1", "bases/stand-in/.new-2", "bases/ubuntu/xenial/.new-3", ".making-4")
    for name in (*made, "bases/stand-in/testbed-1/.new-5", "scratch/build_x"):
        (store.work / name).mkdir(parents=True)
    names = {str(path.relative_to(store.work)) for path in clean.unfinished(store)}
    assert names == {*made}


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
        assert {*map(str, dead)} <= {*clean.left_by_kills(tmp_path / "cache")}
        assert [*tmp_path.glob(f"**/*{owner.NOTE}")] == [Path(f"{live}{owner.NOTE}")]
        assert not any(folder.exists() for folder in dead)
        assert live.exists()
