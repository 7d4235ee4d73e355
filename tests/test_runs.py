"""The commands that look at a run: the log of a build, and where the time went."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backport import cli
from backport.engine import schedule
from backport.engine.step import Step, StepId
from tests.sru.runs import Place

BASE, ALPHA = StepId("base", "xenial"), StepId("build", "xenial", "alpha")
STEPS = {
    step.id: step
    for step in (
        Step(BASE),
        Step(ALPHA, (BASE,)),
        Step(StepId("build", "xenial", "beta"), (BASE,)),
        Step(StepId("test", "xenial", "alpha", test="smoke"), (ALPHA,)),
    )
}
SECONDS = dict(zip(STEPS, (10.0, 20.0, 15.0, 5.0), strict=True))


def test_more_workers_make_a_run_shorter_until_its_longest_chain() -> None:
    made = schedule.replay(STEPS, SECONDS, (1, 2, 64))
    assert made.total == {1: 50.0, 2: 35.0, 64: 35.0}
    assert (made.work, sum(length for _, length in made.path)) == (50.0, 35.0)
    assert [str(step_id) for step_id, _ in made.path] == [
        "base/xenial",
        "build/xenial/alpha",
        "test/xenial/alpha.smoke",
    ]


@pytest.fixture
def own(tmp_path: Path) -> list[str]:
    """The options for the small run below."""
    return ["--recipe", str(tmp_path / "recipe/backport.toml"), "--work", str(tmp_path / "work")]


def test_time_is_shown_by_kind_with_the_critical_path_and_what_workers_save(
    tmp_path: Path, own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    place.run()
    assert own[-1] == str(place.store.work)

    assert cli.main(["time", *own, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"fetch", "source", "base", "build", "test"} < set(told["kinds"])
    assert told["workers"]["1"] == pytest.approx(told["work"])
    assert sum(length for _, length in told["path"]) <= told["workers"]["64"] + 1e-9
    assert cli.main(["time", *own]) == 0
    assert "with 64 at the same time" in capsys.readouterr().out


def test_the_log_of_a_build_is_printed_and_one_that_is_not_there_refused(
    tmp_path: Path, own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    place.run()
    capsys.readouterr()
    log = place.store.folder(ALPHA) / "build.log"
    log.write_text("a line of the build\n")
    assert cli.main(["log", "xenial/alpha", *own]) == 0
    assert capsys.readouterr().out == "a line of the build\n"
    assert cli.main(["log", "zesty/alpha", *own]) == 3
    assert "there is no log of a build of zesty/alpha" in capsys.readouterr().err


def test_a_running_builds_log_is_followed_to_its_last_line(tmp_path: Path, own: list[str]) -> None:
    place = Place(tmp_path)
    place.recipe()
    scratch = place.store.scratch(ALPHA)
    beside = scratch.parent / f".build-{scratch.name}.12345678"
    log = beside / "result/build.log"
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    command = [sys.executable, "-m", "backport.cli", "log", "xenial/alpha", "--follow", *own]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "first\n"
        with log.open("a") as stream:
            stream.write("last\n")
        done = place.store.folder(ALPHA)
        done.parent.mkdir(parents=True)
        scratch.rename(done)
        assert follower.stdout.read() == "last\n"
    assert follower.returncode == 0


def test_a_recipe_is_found_from_a_folder_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    place.recipe()
    below = tmp_path / "recipe/patches/alpha"
    monkeypatch.chdir(below)
    assert cli.main(["plan", "--offline", "--cache", str(tmp_path / "cache")]) == 0
    assert "Upgrade paths" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan", "--offline"]) == 3
    assert "backport.toml: there is no such recipe" in capsys.readouterr().err
