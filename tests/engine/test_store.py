from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backport.engine.step import Step, StepId
from backport.engine.store import RECORD, Outcome, Result, Store, step_key
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import MachineError

BUILD = StepId("build", "xenial", "alpha")
KEY = "k" * 64
PASSED = Passed("built")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "work")


def commit(
    store: Store,
    verdict: Verdict = PASSED,
    files: dict[str, str] | None = None,
    *,
    exit_code: int = 0,
) -> Result:
    """Put a step with these outputs, and a log that is none, into the store."""
    scratch = store.scratch(BUILD)
    files = {"alpha.deb": "a package\n"} if files is None else files
    for path, content in files.items():
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
        (scratch / path).write_text(content)
    (scratch / "log").write_text("it went well\n")
    outcome = Outcome(verdict, tuple(files), exit_code)
    return store.commit(BUILD, KEY, outcome, scratch, time.time())


def test_what_was_committed_is_read_back_and_nothing_before(store: Store) -> None:
    assert store.last(BUILD) is None
    assert store.fresh(BUILD, KEY) is None
    result = commit(store)
    assert (result.id, result.key, result.verdict) == (BUILD, KEY, Passed("built"))
    assert not result.reused
    assert store.fresh(BUILD, "other") is None
    fresh = store.fresh(BUILD, KEY)
    assert fresh is not None
    assert fresh == store.last(BUILD)
    assert fresh.reused
    assert (fresh.digest, fresh.verdict) == (result.digest, result.verdict)
    assert fresh.seconds == pytest.approx(result.seconds, abs=0.001)
    assert fresh.started == pytest.approx(result.started, abs=0.001)
    folder = store.folder(BUILD)
    assert sorted(path.name for path in folder.iterdir()) == ["alpha.deb", "log", RECORD]


@pytest.mark.parametrize(
    "verdict", [Failed("build", "make ended with 2", "log"), Skipped("no"), Broken("no", "log")]
)
def test_a_step_that_did_not_pass_is_never_fresh_but_its_end_is_known(
    store: Store, verdict: Verdict
) -> None:
    commit(store, verdict, exit_code=4)
    assert store.fresh(BUILD, KEY) is None
    last = store.last(BUILD)
    assert last is not None
    assert (last.verdict, last.exit_code) == (verdict, 4)


def test_a_second_commit_takes_the_place_of_the_first_whole(store: Store) -> None:
    commit(store, files={"old.deb": "old\n"})
    commit(store, files={"new.deb": "new\n"})
    names = sorted(path.name for path in store.folder(BUILD).iterdir())
    assert names == ["log", "new.deb", RECORD]
    assert list((store.work / "scratch").iterdir()) == []


def test_a_scratch_folder_is_empty_and_a_temporary_one_goes_after_an_error_too(
    store: Store,
) -> None:
    (store.scratch(BUILD) / "half").write_text("half a fi")
    assert list(store.scratch(BUILD).iterdir()) == []
    assert not store.folder(BUILD).exists()
    with pytest.raises(RuntimeError), store.temporary("repository/xenial") as folder:
        (folder / "file").write_text("text\n")
        raise RuntimeError
    assert not folder.exists()


def other_text(path: Path) -> None:
    """Another text of the same size and time."""
    before = path.stat()
    path.write_text(path.read_text().upper())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("name", "change", "fresh"),
    [
        ("alpha.deb", other_text, False),
        ("alpha.deb", Path.unlink, False),
        ("alpha.deb", lambda path: os.utime(path, ns=(0, 0)), True),
        ("log", other_text, True),
        ("log", Path.unlink, True),
    ],
)
def test_a_step_runs_again_where_the_content_of_an_output_is_not_what_it_was(
    store: Store, name: str, change: Callable[[Path], None], fresh: bool
) -> None:
    commit(store)
    change(store.folder(BUILD) / name)
    notes: list[str] = []
    assert (store.fresh(BUILD, KEY, notes.append) is not None) == fresh
    said = f"{BUILD} runs again: its output alpha.deb was changed or removed"
    assert notes == ([] if fresh else [said])


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "{",
        lambda record: {**record, "more": 1},
        lambda record: {key: value for key, value in record.items() if key != "outputs"},
        lambda record: {**record, "outputs": {"alpha.deb": [10, 2, "0" * 64]}},
        lambda record: {**record, "name": "build/zesty/alpha"},
    ],
)
def test_a_damaged_record_counts_as_none_and_that_is_said(
    store: Store, damage: Callable[[dict[str, Any]], Any]
) -> None:
    commit(store)
    path = store.folder(BUILD) / RECORD
    data = damage(json.loads(path.read_text()))
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    notes: list[str] = []
    assert store.last(BUILD) is None
    assert store.fresh(BUILD, KEY, notes.append) is None
    assert [note.partition(": its record is damaged: ")[0] for note in notes] == [
        f"{BUILD} runs again"
    ]


def test_the_digest_is_that_of_the_outputs_names_and_contents(store: Store) -> None:
    first = commit(store, files={"a": "1", "b": "2"}).digest
    assert commit(store, files={"b": "2", "a": "1"}).digest == first
    others = [
        commit(store, files=files).digest
        for files in ({"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {"a": "1"}, {})
    ]
    assert len({first, *others}) == 5


def test_the_record_has_the_hash_of_each_output_and_log(store: Store) -> None:
    commit(store, files={"deep/alpha.deb": ""})
    record = json.loads((store.folder(BUILD) / RECORD).read_text())
    assert (record["name"], record["key"]) == (str(BUILD), KEY)
    assert record["verdict"] == {"verdict": "passed", "detail": "built"}
    hashes = {name: (one[0], one[2]) for name, one in record["outputs"].items()}
    assert hashes == {"deep/alpha.deb": (0, hashlib.sha256(b"").hexdigest())}
    hashes = {name: (one[0], one[2]) for name, one in record["logs"].items()}
    assert hashes == {"log": (13, hashlib.sha256(b"it went well\n").hexdigest())}


@pytest.mark.parametrize("missing", ["not-there", "."])
def test_an_output_that_is_no_file_is_an_error_and_commits_nothing(
    store: Store, missing: str
) -> None:
    scratch = store.scratch(BUILD)
    with pytest.raises((FileNotFoundError, IsADirectoryError)):
        store.commit(BUILD, KEY, Outcome(Passed(), (missing,)), scratch, time.time())
    assert store.last(BUILD) is None


A, B = StepId("fetch", source="a"), StepId("fetch", source="b")


def test_the_key_depends_on_name_inputs_and_needs() -> None:
    step = Step(BUILD, inputs=(("recipe", "1"),))
    keys = {
        step_key(step, {A: "1"}),
        step_key(step, {A: "2"}),
        step_key(step, {B: "1"}),
        step_key(step, {}),
        step_key(replace(step, id=A), {A: "1"}),
        step_key(replace(step, inputs=(("recipe", "2"),)), {A: "1"}),
    }
    assert len(keys) == 6
    assert step_key(step, {A: "1", B: "2"}) == step_key(step, {B: "2", A: "1"})
    # What a check has found is read by no step that waits for it.
    check = StepId("check", source="a")
    assert step_key(step, {A: "1", check: "1"}) == step_key(step, {A: "1"})


HOLDER = """\
import sys
from pathlib import Path
from backport.engine.store import Store
with Store(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_kept_out_and_told_of_the_first_until_that_ends(store: Store) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.work)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(MachineError) as caught, store.locked():
            pytest.fail("two runs have the lock")
        other.kill()
    assert caught.value.exit_code == 5
    assert str(caught.value) == (
        f"{store.work}: another command (process {other.pid}) uses this work folder; "
        "wait for it, or name another folder with --work"
    )
    with pytest.raises(RuntimeError), store.locked():
        assert (store.work / ".lock").read_text() == str(os.getpid())
        raise RuntimeError
    with store.locked():
        assert store.scratch(BUILD).is_dir()
