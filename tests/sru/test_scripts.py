"""The scripts beside an executable that stands in for the toolkit's own command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import eventually
from tests.support.source_builder import write_files

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
COMMAND = """#!/bin/sh
echo "$@" >arguments
echo '{"event": "planned"}'
if [ -e wait ]; then touch begun; while [ -e wait ]; do sleep 0.05; done; fi
trap 'exit 143' TERM
if [ -e hang ]; then touch begun; while :; do sleep 0.05; done; fi
tty >terminal || true
echo '{"event": "summary", "counts": {"passed": 1}}'
exit $(cat code 2>/dev/null || echo 0)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    write_files(tmp_path, {"scripts/install!": "#!/bin/sh\n", ".venv/bin/backport!": COMMAND})
    for name in ("build", "run", "upload-ppa", "verify-sru"):
        shutil.copy(SCRIPTS / name, tmp_path / "scripts")
    return tmp_path


def start(checkout: Path, *args: str, wait: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [checkout / "scripts/build", *args],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "BACKPORT_WAIT": wait},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_waited_for(checkout: Path) -> bool:
    """Whether somebody waits for the lock: proc_locks(5)."""
    inode = (checkout / "build/.machine.lock").stat().st_ino
    locks = Path("/proc/locks").read_text().splitlines()
    return any("->" in lock and f":{inode} " in lock for lock in locks)


@pytest.mark.parametrize("code", [0, 3, 4, 5, 6])
def test_it_prints_the_summary_alone_keeps_all_events_and_ends_as_the_command(
    checkout: Path, code: int
) -> None:
    (checkout / "code").write_text(str(code))
    child = start(checkout, "--series", "xenial")
    out, err = child.communicate()
    assert (child.returncode, err) == (code, "")
    assert json.loads(out) == {"event": "summary", "counts": {"passed": 1}}
    own = f"run --json --recipe {checkout}/backport.toml --series xenial\n"
    assert (checkout / "arguments").read_text() == own
    events = (checkout / "build/events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in events] == ["planned", "summary"]
    assert (checkout / "terminal").read_text() == "not a tty\n"


@pytest.mark.parametrize("script", ["build", "run", "upload-ppa --dry-run", "verify-sru"])
def test_a_relative_path_is_seen_from_where_the_script_was_called(
    checkout: Path, script: str
) -> None:
    elsewhere = checkout / "elsewhere"
    elsewhere.mkdir()
    words = [*f"{checkout}/scripts/{script}".split(), "--recipe", "own/backport.toml"]
    subprocess.run(words, cwd=elsewhere, check=True, capture_output=True)
    arguments = (elsewhere / "arguments").read_text().split()
    named = [arguments[at + 1] for at, word in enumerate(arguments) if word == "--recipe"]
    assert named == [f"{checkout}/backport.toml", "own/backport.toml"]


@pytest.mark.parametrize("wait", ["0", "60"])
def test_the_second_at_the_same_time_ends_with_75_or_waits_where_it_is_told_to(
    checkout: Path, wait: str
) -> None:
    (checkout / "wait").touch()
    with start(checkout) as first:
        eventually("it runs", (checkout / "begun").exists)
        with start(checkout, wait=wait) as second:
            if wait == "0":
                out, err = second.communicate()
                assert second.returncode == 75
                assert json.loads(out)["event"] == "busy"
                assert "another one is running" in err
            else:
                eventually("the second waits", lambda: is_waited_for(checkout))
                assert second.poll() is None
            (checkout / "wait").unlink()
            assert '"summary"' in first.communicate()[0]
    assert first.returncode == 0
    assert wait == "0" or second.returncode == 0


def test_a_signal_ends_the_command_and_frees_the_checkout(checkout: Path) -> None:
    (checkout / "hang").touch()
    with start(checkout) as first:
        eventually("it runs", (checkout / "begun").exists)
        first.send_signal(signal.SIGTERM)
        first.communicate()
    assert first.returncode == 143
    (checkout / "hang").unlink()
    child = start(checkout)
    child.communicate()
    assert child.returncode == 0
