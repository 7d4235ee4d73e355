from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from backport.engine import owner

ROOT = Path(owner.__file__).parents[2]


@pytest.fixture
def machines_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of /tmp."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_only_the_process_that_wrote_a_note_is_its_owner() -> None:
    text = owner.facts_of_this_process(root="/root")
    program = "from backport.engine import owner; print(owner.facts_of_this_process())"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    facts, dead = owner.read(text), owner.read(ended)
    assert facts is not None
    assert dead is not None
    assert facts["root"] == "/root"
    assert owner.is_alive(facts)
    for other in (dead, {**facts, "start": "1"}, {**facts, "boot": "another"}, {}):
        assert not owner.is_alive(other)
    assert [owner.read(no_note) for no_note in ("", "[", "[]")] == [None, None, None]


KILLED = """\
import os, tempfile
from pathlib import Path
from backport.engine import owner
with owner.temporary("work-"), owner.temporary("", Path(tempfile.gettempdir(), "cache")):
    with owner.temporary_files():
        tempfile.mkdtemp()
        os.kill(os.getpid(), 9)
"""


def test_a_temporary_folder_goes_at_the_end_and_after_a_kill_with_a_later_run(
    machines_own: Path,
) -> None:
    cache = machines_own / "cache"
    with owner.temporary("work-") as folder:
        assert folder.parent == machines_own
        assert owner.left_temporary() == []
    assert [*machines_own.iterdir()] == []

    subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, check=False)

    left = owner.left_temporary(cache)
    assert sorted(path.name.partition("-")[0] for path in left[:2]) == ["backport", "work"]
    assert [path.parent for path in left] == [machines_own, machines_own, cache]
    assert len(left) * 2 == len([*machines_own.iterdir(), *cache.iterdir()]) - 1
    left[-1].rmdir()  # and not its note: a kill may come in between
    assert owner.left_temporary(cache) == left


def test_the_temporary_files_of_a_command_are_in_one_folder_that_others_may_use(
    machines_own: Path,
) -> None:
    with owner.temporary_files():
        own = Path(tempfile.gettempdir())
        assert (own.parent, own.stat().st_mode & 0o7777) == (machines_own, 0o1777)
        assert os.environ["TMPDIR"] == str(own)
        with owner.temporary("work-") as folder:  # short: there may be sockets in it
            assert folder.parent == machines_own
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (str(machines_own),) * 2
    assert [*machines_own.iterdir()] == []


def test_what_is_no_note_of_a_killed_process_removes_nothing(machines_own: Path) -> None:
    dead = json.dumps({"pid": 1, "start": "0", "boot": "an older one"})
    for name, text in {"half": "", "list": "[]", "other": "{}", "dead": dead, "link": dead}.items():
        (machines_own / name).mkdir()
        (machines_own / f"{name}{owner.NOTE}").write_text(text)
    (machines_own / "link").rmdir()
    (machines_own / "link").symlink_to("other")
    assert owner.left_temporary() == [machines_own / "dead"]
