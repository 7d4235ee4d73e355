"""The command line as a user meets it: exit codes, one sentence, no traceback."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from backport import cli
from tests.support import recipes
from tests.support.recipes import Spec
from tests.test_commands import NOBODY, Place

ROOT = Path(__file__).parent.parent


def command(*args: str, **env: str) -> tuple[list[str], dict[str, str]]:
    own = {**os.environ, "BACKPORT_LAUNCHPAD_ROOT": NOBODY, **env}
    return [sys.executable, "-m", "backport.cli", *args], own


def usage(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What argparse says when it ends the command with a 2."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def recipe(tmp_path: Path) -> list[str]:
    """The options that name a small recipe."""
    path = recipes.write(tmp_path, Spec())
    return ["--recipe", str(path), "--cache", str(tmp_path / "cache")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "the following arguments are required: COMMAND"),
        (["plan", "--off"], "unrecognized arguments: --off; write --offline"),
        (["plan", "--optoin"], "unrecognized arguments: --optoin"),
        (["run", "--s=x"], "--s=x; write --series or --source or --strict"),
        (["log", "xenial/alpha", "--json"], "unrecognized arguments: --json"),
        (["man", "--hepl"], "unrecognized arguments: --hepl; write --help"),
        (["explain", "--work=x"], "unrecognized arguments: --work=x"),
        (["run", "--jobs", "many"], "invalid int value: 'many'"),
    ],
)
def test_a_command_line_that_is_wrong_ends_with_2(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in usage(arguments, capsys)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--jobs", "0"], "--jobs: this is no number of jobs; give 1 or more"),
        *(
            (
                ["clean", "--older-than", days],
                "--older-than: this is no number of days; give 0 or more",
            )
            for days in ("-1", "nan", "inf")
        ),
        (
            ["shell", "--series", "xenial", "--source", "beta"],
            "--source: the recipe has no source 'beta'; name one of alpha",
        ),
    ],
)
def test_what_the_recipe_does_not_have_ends_with_2_and_names_what_it_has(
    recipe: list[str], arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, *recipe]) == 2
    assert capsys.readouterr().err == f"backport: {expected}.\n"


def test_a_recipe_that_is_missing_or_wrong_ends_with_3_and_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.toml"
    assert cli.main(["plan", "--recipe", str(path)]) == 3
    assert capsys.readouterr() == (
        "",
        f"backport: {path}: there is no such recipe; name one with --recipe, or make one with: "
        "backport init SOURCE --series NAME.\n",
    )
    content = recipes.data(Spec())
    content["source"]["alpha"]["sereis"] = []
    path = recipes.write(tmp_path, Spec(), content)
    assert cli.main(["run", "--offline", "--recipe", str(path)]) == 3
    said = "backport: backport.toml: source.alpha.sereis: this key is unknown; write series.\n"
    assert capsys.readouterr() == ("", said)


def test_a_reader_that_leaves_early_ends_it_without_a_traceback(recipe: list[str]) -> None:
    words, env = command("plan", "--offline", *recipe)
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(words, env=env, cwd=ROOT, stdout=write, stderr=subprocess.PIPE) as child:
        os.close(write)
        assert child.stderr is not None
        said = child.stderr.read().decode()
    assert "Traceback" not in said
    assert child.returncode == 141


def wait_for(fifo: Path, child: subprocess.Popen[str]) -> str:
    """What is written into a named pipe; fails where the child ends without that."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while not select.select([reader], [], [], 0.1)[0] or not (text := os.read(reader, 99)):
            assert child.poll() is None, child.communicate()
    finally:
        os.close(reader)
    return text.decode()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_run_and_its_programs_and_the_next_run_goes_on(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
) -> None:
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", NOBODY)
    place = Place(tmp_path, capsys)
    tools = tmp_path / "tools"
    tools.mkdir()
    os.mkfifo(tmp_path / "ready")
    slow = tools / "patch"
    slow.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/ready\nexec sleep 60\n")
    slow.chmod(0o755)
    words, env = command(
        *("source", "--offline", "--series", "xenial", "--jobs", "1"),
        *("--recipe", str(tmp_path / recipes.FILE), "--cache", str(tmp_path / "cache")),
        PATH=f"{tools}:{os.environ['PATH']}",
    )
    # Whoever runs the tests in the background may have let these signals be ignored.
    with subprocess.Popen(
        ["env", "--default-signal=INT,TERM,HUP", *words],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        running = int(wait_for(tmp_path / "ready", child))
        child.send_signal(number)
        _, said = child.communicate()
    assert child.returncode == code
    assert said.splitlines()[-1] == "backport: interrupted; the next run goes on from here."
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(running, 0)
    work = tmp_path / "build"
    assert (work / "fetch" / "alpha").is_dir()
    assert not (work / "source" / "xenial" / "alpha").exists()

    slow.unlink()
    exit_code, out, _ = place("source", "--offline", "--series", "xenial")
    assert exit_code == 0
    assert "fetch/alpha" not in out, "it was not fetched again"
    assert (work / "source" / "xenial" / "alpha" / "alpha_1.0-1ubuntu0.16.04.1.dsc").is_file()
