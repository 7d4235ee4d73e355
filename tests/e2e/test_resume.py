"""A run that is ended in the middle of a step, what it leaves, and how the next run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backport.engine.process import as_root
from backport.recipe import edit
from backport.recipe.model import PinnedDsc
from backport.source.files import sha256_of
from backport.testbed.lxc import containers
from tests.e2e.small_recipes import Small, append, begin, matrix_row, one
from tests.e2e.support import CHECKOUT, Place, environment, forget_steps
from tests.support.file_server import Stall, serve
from tests.support.processes import command_line, started
from tests.support.systems import home

SERIES = "noble"
SLOW = Small("slow", commands="echo now; sleep 4", test="echo now; sleep 4")
LIMIT = 900.0
"""Seconds after which a run that has not come to where it is to be ended is a failure."""
ENDS = (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)
# What a plain run of the tests sends, and where; tests/test_cli.py has the other signals. With
# --long all are sent, everywhere. The build comes last: what needs it is made anew then.
PLAIN = {"base": ENDS[2:], "test": ENDS[1:], "evidence": ENDS[2:], "build": ENDS[1:]}


@dataclass
class Running:
    """A run of the toolkit that goes on."""

    place: Place
    child: subprocess.Popen[str]

    def family(self) -> dict[int, str]:
        """All processes below it, each with the moment of its start."""
        parents: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found: dict[int, str] = {}
        todo = [self.child.pid]
        while todo:
            for child in parents.get(todo.pop(), []):
                found[child] = started(child)
                todo.append(child)
        return found

    def program(self, name: str) -> list[int]:
        """The processes below it that run the program of that name."""
        return [pid for pid in self.family() if name in command_line(pid)]

    def says_now(self, pattern: str) -> bool:
        """Whether a log below the work folder has the line that the package or its test prints."""
        logs = self.place.work.glob(f"scratch/{pattern}")
        return any("\nnow\n" in log.read_text("utf-8", "replace") for log in logs)


@dataclass(frozen=True)
class Moment:
    """Where a run is ended: the command, the step that it does anew, and when that has begun."""

    command: str
    step: str
    reached: Callable[[Running], object]


BUILD = f"build/{SERIES}/slow"
CHECK = f"check/{SERIES}/slow.reproducible"
TEST = f"test/{SERIES}/slow.says"
MOMENTS = {
    "base": Moment("build", f"base/{SERIES}", lambda run: run.program("/usr/bin/mmdebstrap")),
    "build": Moment("build", BUILD, lambda run: run.says_now(".build-*/result/build.log")),
    "check": Moment("check", CHECK, lambda run: run.says_now("work_check*/.build-*/*/build.log")),
    "test": Moment("test", TEST, lambda run: run.says_now(".test-*/console")),
    "evidence": Moment("test", "evidence", lambda run: [*run.place.work.glob("evidence/.new-*")]),
}


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """A folder in the place of /tmp, for the runs."""
    folder = Path(tempfile.mkdtemp(prefix="ends-", dir="/tmp"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def used_by_runs(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(temporary))


@pytest.fixture(scope="module")
def done(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A recipe of a package that takes a while to build and to test, after a whole run."""
    forget_steps(small_home / "work")
    root = tmp_path_factory.mktemp("recipe")
    place = Place(root, small_home / "work", home() / "cache")
    begin(place, SLOW, SERIES)
    append(place, matrix_row(SLOW))
    ran = place.run("test", "--base", "stand-in", "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    return place


def ended(
    place: Place,
    moment: Moment,
    number: signal.Signals,
    victim: Callable[[Running], int] = lambda run: run.child.pid,
) -> tuple[int, dict[int, str]]:
    """Begin a run and send a signal at that moment, to it or to another `victim`.

    Returns its exit code, and the processes that it had.
    """
    output = place.root / "events"
    options = () if moment.command == "fetch" else ("--base", "stand-in")
    command = place.command(moment.command, *options, "--json")
    with output.open("w") as stream:
        child = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment(), stdout=stream, stderr=stream, text=True
        )
    run = Running(place, child)
    try:
        limit = time.monotonic() + LIMIT
        while not moment.reached(run):
            assert child.poll() is None, output.read_text()
            assert time.monotonic() < limit, output.read_text()
            time.sleep(0.01)
        family = run.family()
        os.kill(victim(run), number)
        return child.wait(LIMIT), family
    finally:
        child.kill()
        child.wait()


def of_this_place(place: Place) -> list[str]:
    """The containers that read something of this work folder, and the mounts below it."""
    find = ["find", str(containers()), "-mindepth", "2", "-maxdepth", "2", "-name", "config"]
    command = as_root([*find, "-exec", "grep", "-ls", str(place.work), "{}", "+"])
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    places = (place.work, Path(os.environ["TMPDIR"]))
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return found + [
        point for point in points if any(Path(point).is_relative_to(top) for top in places)
    ]


def unfinished(place: Place) -> list[str]:
    """What is half made below the work folder and the cache, and all temporary folders."""
    found = [path for path in place.work.glob("*/*") if path.parent.name in ("scratch", "running")]
    for folder in (place.work, place.work / "bases/stand-in", place.work / "evidence"):
        found += folder.glob(".[mn]*-*")
    for folder in (place.cache / "part", place.cache / "dsc"):
        found += [path for path in folder.glob("*") if path.name.endswith("-owner")]
    return [str(path) for path in (*found, *Path(os.environ["TMPDIR"]).iterdir())]


def alive(family: dict[int, str]) -> list[list[str]]:
    """The command lines of those processes that still run, when the others have had time to end."""
    limit = time.monotonic() + 20
    while True:
        left = [pid for pid, start in family.items() if start and started(pid) == start]
        if not left or time.monotonic() > limit:
            return [command_line(pid) for pid in left]
        time.sleep(0.05)


def test_when_autopkgtest_alone_is_killed_nothing_is_left_and_the_next_run_goes_on(
    done: Place,
) -> None:
    moment = MOMENTS["test"]
    shutil.rmtree(done.work / moment.step)

    code, family = ended(
        done, moment, signal.SIGKILL, lambda run: run.program("/usr/bin/autopkgtest")[0]
    )

    assert code == 4
    assert alive(family) == []
    assert of_this_place(done) == []
    assert unfinished(done) == []
    assert done.record(moment.step)["verdict"]["verdict"] == "broken"
    again = done.run(moment.command, "--base", "stand-in", "--json")
    assert again.exit_code == 0, again.stdout + again.stderr
    assert again.steps(reused=False) == {moment.step}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "ends" in metafunc.fixturenames:
        ends = dict.fromkeys(MOMENTS, ENDS) if metafunc.config.getoption("--long") else PLAIN
        metafunc.parametrize(("name", "ends"), ends.items(), ids=ends)


def test_after_any_end_nothing_is_left_and_the_next_run_goes_on(
    done: Place, name: str, ends: tuple[signal.Signals, ...]
) -> None:
    moment = MOMENTS[name]
    shutil.rmtree(done.work / moment.step)
    made = [*done.work.glob("bases/stand-in/chroot-*.tar")] if name == "base" else []
    for path in made:
        path.rename(f"{path}.aside")
    for number in ends:
        code, family = ended(done, moment, number)
        if number != signal.SIGKILL:
            assert code == 128 + number
            assert alive(family) == []
            assert of_this_place(done) == []
            assert [*Path(os.environ["TMPDIR"]).iterdir()] == []
        assert moment.step == "evidence" or not (done.work / moment.step).exists()
    for path in made:  # what was made before saves the minute of making it again
        Path(f"{path}.aside").rename(path)

    again = done.run(moment.command, "--base", "stand-in", "--json")

    assert again.exit_code == 0, again.stdout + again.stderr
    assert [text for text in again.notes if "an interrupted run had left" in text]
    assert again.steps(reused=False) == {moment.step} - {"evidence"}
    assert (done.work / moment.step).exists()
    assert alive(family) == []
    assert of_this_place(done) == []
    assert unfinished(done) == []


def test_a_fetch_that_was_ended_leaves_nothing_in_the_cache(done: Place, tmp_path: Path) -> None:
    shutil.copytree(done.root, tmp_path / "recipe")
    place = Place(tmp_path / "recipe", tmp_path / "work", tmp_path / "cache")
    dsc = one(done.root / "archive", "*.dsc")
    with serve() as server:
        server.files = {f"/{path.name}": path.read_bytes() for path in dsc.parent.iterdir()}
        pin = PinnedDsc("1.0-1", dsc.name, sha256_of(dsc), url=server.url)
        recipe = place.root / "backport.toml"
        recipe.write_text(edit.set_pinned(recipe.read_text(), "slow", pin))
        for number in ENDS:
            server.requests.clear()
            server.faults = [Stall()]
            moment = Moment("fetch", "fetch/slow", lambda _: server.requests)
            code, _ = ended(place, moment, number)
            assert code == (-number if number == signal.SIGKILL else 128 + number)
        again = place.run("fetch", "--json")

    assert again.exit_code == 0, again.stdout + again.stderr
    assert again.steps(reused=False) == {"fetch/slow"}
    assert unfinished(place) == []
