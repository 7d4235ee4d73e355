"""The commands that look at a run: the log of a build, and where the time went."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from backport import cli
from backport.engine import schedule
from backport.engine.step import Step, StepId
from tests.sru.runs import Place

ALPHA = StepId("build", "xenial", "alpha")


def test_more_workers_make_a_run_shorter_until_its_longest_chain() -> None:
    base, beta = replace(ALPHA, kind="base", source=""), replace(ALPHA, source="beta")
    smoke = replace(ALPHA, kind="test", test="smoke")
    needs = {base: (), ALPHA: (base,), beta: (base,), smoke: (ALPHA,)}
    steps = {step: Step(step, needs[step]) for step in needs}
    seconds = dict(zip(steps, (10.0, 20.0, 15.0, 5.0), strict=True))
    made = schedule.replay(steps, seconds, (1, 2, 64))
    assert made.total == {1: 50.0, 2: 35.0, 64: 35.0}
    assert (made.work, sum(length for _, length in made.path)) == (50.0, 35.0)
    assert [step for step, _ in made.path] == [base, ALPHA, smoke]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_time_is_shown_by_kind_with_the_critical_path_and_what_workers_save(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.run()
    assert cli.main(place.command("time", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"fetch", "source", "base", "build", "test"} < set(told["kinds"])
    assert told["workers"]["1"] == pytest.approx(told["work"])
    assert sum(length for _, length in told["path"]) <= told["workers"]["64"] + 1e-9
    assert cli.main(place.command("time")) == 0
    assert "with 64 at the same time" in capsys.readouterr().out


def test_the_log_of_a_build_is_printed_and_one_that_is_not_there_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.recipe()
    log = place.store.folder(ALPHA) / "build.log"
    log.parent.mkdir(parents=True)
    log.write_text("a line of the build\n")
    assert cli.main(place.command("log", "xenial/alpha")) == 0
    assert capsys.readouterr().out == "a line of the build\n"
    assert cli.main(place.command("log", "zesty/alpha")) == 3
    assert "there is no log of a build of zesty/alpha" in capsys.readouterr().err


@pytest.mark.parametrize("killed", [False, True])
def test_a_running_builds_log_is_followed_to_its_last_line(place: Place, killed: bool) -> None:
    place.recipe()
    scratch = place.store.scratch(ALPHA)
    beside = scratch.parent / f".build-{scratch.name}.12345678"
    log = beside / "result/build.log"
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    words = place.command("log", "xenial/alpha", "--follow")
    command = [sys.executable, "-m", "backport.cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        with place.store.locked():
            assert follower.stdout.readline() == "first\n"
            with log.open("a") as stream:
                stream.write("last\n")
            if not killed:
                done = place.store.folder(ALPHA)
                done.parent.mkdir(parents=True)
                scratch.rename(done)
                assert follower.wait(20) == 0
        try:
            assert follower.communicate(timeout=20)[0] == "last\n"
        finally:
            follower.kill()
    assert follower.returncode == 0


def test_no_shell_is_opened_in_what_a_run_works_on(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.run()
    with place.store.locked():
        assert cli.main(place.command("shell", "--series", "xenial", "--source", "alpha")) == 5
    assert "uses this work folder" in capsys.readouterr().err


def test_a_recipe_is_found_from_a_folder_below_it(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place.recipe()
    below = tmp_path / "recipe/patches/alpha"
    monkeypatch.chdir(below)
    assert cli.main(["plan", "--offline", "--cache", str(tmp_path / "cache")]) == 0
    assert "Upgrade paths" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan", "--offline"]) == 3
    assert "backport.toml: there is no such recipe" in capsys.readouterr().err
