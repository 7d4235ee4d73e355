from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from backport.engine import owner


def test_a_note_of_this_process_is_alive_and_keeps_its_facts(tmp_path: Path) -> None:
    owner.claim(tmp_path / "note", stage="/tmp/stage")

    facts = owner.read(tmp_path / "note")

    assert facts is not None
    assert facts["stage"] == "/tmp/stage"
    assert owner.is_alive(facts)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_note_of_a_process_that_ended_is_dead(tmp_path: Path) -> None:
    top = Path(owner.__file__).parents[2]
    program = (
        f"import sys; sys.path.insert(0, {str(top)!r})\n"
        "from pathlib import Path\nfrom backport.engine import owner\n"
        f"owner.claim(Path({str(tmp_path / 'note')!r}))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

    facts = owner.read(tmp_path / "note")

    assert facts is not None
    assert not owner.is_alive(facts)


def test_another_process_with_the_same_number_is_not_the_owner(tmp_path: Path) -> None:
    owner.claim(tmp_path / "note")
    facts = owner.read(tmp_path / "note")
    assert facts is not None

    assert not owner.is_alive({**facts, "start": "1"})
    assert not owner.is_alive({**facts, "boot": "another"})


def test_what_is_no_note_is_none(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("[")
    (tmp_path / "list").write_text("[]")

    assert owner.read(tmp_path / "note") is None
    assert owner.read(tmp_path / "list") is None
    assert owner.read(tmp_path / "absent") is None


def test_a_temporary_folder_goes_at_the_end_and_after_a_kill_with_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with owner.temporary("work-") as folder:
        (folder / "file").touch()
        assert owner.left_temporary() == []
    program = (
        "import os\nfrom backport.engine import owner\n"
        "with owner.temporary('work-') as folder:\n    os.kill(os.getpid(), 9)\n"
    )
    top = Path(owner.__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=top, check=False)
    (left,) = tmp_path.iterdir()
    (tmp_path / "link").symlink_to(left)
    (tmp_path / "others").mkdir()
    assert owner.left_temporary() == [left]
