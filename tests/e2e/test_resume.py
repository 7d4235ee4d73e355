"""A run that is killed in the middle, what it leaves, and how the next run goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backport.engine import owner
from backport.testbed.host import as_root
from backport.testbed.lxc import containers
from tests.e2e.conftest import Say
from tests.e2e.small_recipes import Small, append, begin, matrix_row
from tests.e2e.support import CHECKOUT, Place, environment, must

SERIES = "noble"
RUN = ("run", "--base", "stand-in", "--json")
LIMIT = 900.0
"""Seconds after which a run that has not come to where it is to be killed is a failure."""


def begin_recipe(place: Place) -> None:
    """Two packages: one that builds at once, and one whose build and test take a while."""
    slow = Small("slow", commands="echo now; sleep 10", test="echo now; sleep 10")
    begin(place, slow, SERIES)
    path = place.root / "backport.toml"
    path.rename(place.root / "slow.toml")
    # What init has written for the first one would not be overwritten.
    (place.root / "stand-in.toml").unlink(missing_ok=True)
    shutil.rmtree(place.root / "autopkgtest", ignore_errors=True)
    begin(place, Small("quick"), SERIES)
    text = (place.root / "slow.toml").read_text()
    table = text[text.index("[source.slow]") : text.index("[matrix]")]
    append(place, table.replace("[source.slow]\n", '[source.slow]\nneeds = ["quick"]\n', 1))
    append(place, matrix_row(Small("quick")) + matrix_row(slow))


def children(pid: int) -> dict[int, str]:
    """All processes below this one, each with the moment of its start."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: dict[int, str] = {}
    todo = [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found[child] = started(child)
            todo.append(child)
    return found


def started(pid: int) -> str:
    """Field 22 of /proc/PID/stat (proc(5)); "" where there is no such process, or a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def containers_of(place: Place) -> list[str]:
    """The containers that read something of this work folder."""
    find = ["find", str(containers()), "-mindepth", "2", "-maxdepth", "2", "-name", "config"]
    command = as_root([*find, "-exec", "grep", "-ls", str(place.work), "{}", "+"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return sorted(Path(line).parent.name for line in done.stdout.splitlines())


def mounts_below(*folders: Path) -> list[str]:
    """The mounts of this machine at or below the folders."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [one for one in points if any(Path(one).is_relative_to(path) for path in folders)]


@contextmanager
def killed(place: Place, step: str, reached: Callable[[], bool]) -> Iterator[dict[int, str]]:
    """A run that is killed when the step has begun and `reached` says so.

    Gives the processes that it had at that moment.
    """
    output = place.root / "events"
    with output.open("w") as stream:
        child = subprocess.Popen(
            place.command(*RUN), cwd=CHECKOUT, env=environment(), stdout=stream
        )
    try:
        limit = time.monotonic() + LIMIT
        while not (begun(output, step) and reached()):
            assert child.poll() is None, output.read_text()
            assert time.monotonic() < limit, output.read_text()
            time.sleep(0.05)
        family = children(child.pid)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert len(family) > 2
    yield family


def begun(output: Path, step: str) -> bool:
    """Whether the events say that the step has started."""
    lines = [line for line in output.read_text().splitlines(keepends=True) if line[-1] == "\n"]
    events = [json.loads(line) for line in lines]
    return any((one["event"], one.get("step")) == ("started", step) for one in events)


def assert_nothing_is_left(place: Place, family: dict[int, str]) -> None:
    alive = [pid for pid, start in family.items() if start and started(pid) == start]
    assert alive == []
    assert containers_of(place) == []
    assert list((place.work / "scratch").glob("*")) == []
    assert list((place.work / "running").glob("*")) == []
    assert mounts_below(place.work) == []


def test_a_run_killed_in_a_build_leaves_nothing_and_goes_on(place: Place, say: Say) -> None:
    begin_recipe(place)
    first, slow = f"build/{SERIES}/quick", f"build/{SERIES}/slow"

    def builds() -> bool:
        logs = place.work.glob("scratch/.build-*/result/build.log")
        return any("\nnow\n" in log.read_text() for log in logs)

    with killed(place, slow, builds) as family:
        (note,) = place.work.glob("scratch/.build-*/owner.json")
        stage = Path((owner.read(note) or {})["stage"])
        assert stage.is_dir()
        done = place.record(first)
        assert not (place.work / slow).exists()

        again = place.run(*RUN)

    say("\n  killed in a build; the next run: " + "; ".join(again.notes))
    assert again.exit_code == 0, again.stdout + again.stderr
    assert [text for text in again.notes if "removed what an interrupted build had left" in text]
    assert first in again.steps(reused=True)
    assert slow in again.steps(reused=False)
    assert place.record(first) == done
    assert_nothing_is_left(place, family)
    assert not stage.exists()
    assert mounts_below(stage) == []


def test_a_run_killed_in_a_test_leaves_nothing_and_goes_on(place: Place, say: Say) -> None:
    begin_recipe(place)
    build, test = f"build/{SERIES}/slow", f"test/{SERIES}/slow.says"

    def tests() -> bool:
        logs = place.work.glob("scratch/.test-*/console")
        return any("\nnow\n" in log.read_text() for log in logs)

    with killed(place, test, tests) as family:
        left = containers_of(place)
        assert left
        assert not (place.work / test).exists()

        again = place.run(*RUN)

    say("\n  killed in a test; the next run: " + "; ".join(again.notes))
    assert again.exit_code == 0, again.stdout + again.stderr
    assert [text for text in again.notes if "the testbed backport-" in text]
    assert build in again.steps(reused=True)
    assert test in again.steps(reused=False)
    assert_nothing_is_left(place, family)
    assert not set(left) & set(must(as_root(["ls", containers()])).split())


def test_a_second_run_in_the_same_work_folder_is_refused(place: Place) -> None:
    begin_recipe(place)
    place.work.mkdir(parents=True, exist_ok=True)
    holder = (
        "import sys, time; from pathlib import Path; from backport.engine.store import Store\n"
        "with Store(Path(sys.argv[1])).locked(): print('has it', flush=True); time.sleep(600)\n"
    )
    command = [*place.command("run")[:1], "-c", holder, str(place.work)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "has it\n"
            refused = place.run(*RUN)
        finally:
            os.kill(other.pid, signal.SIGKILL)

    assert refused.exit_code == 5
    assert f"another run (process {other.pid}) uses this work folder" in refused.stderr
