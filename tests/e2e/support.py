"""Runs of the toolkit as a user starts them: a process of its own, in a folder that is kept."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "backport.cli")


@dataclass(frozen=True)
class Place:
    """The folders of a run: the recipe's, the work folder, and the cache of downloads."""

    root: Path
    work: Path
    cache: Path

    def command(self, *args: str) -> list[str]:
        """The command line of ``backport ARGS`` in this place."""
        own = ["--recipe", str(self.root / "backport.toml"), "--work", str(self.work)]
        return [*PROGRAM, args[0], *own, "--cache", str(self.cache), *args[1:]]

    def run(self, *args: str) -> Ran:
        """Run ``backport ARGS`` to its end."""
        done = subprocess.run(
            self.command(*args), cwd=CHECKOUT, env=environment(), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def record(self, step: str) -> Mapping[str, Any]:
        """What a step's ``step.json`` says."""
        return _object((self.work / step / "step.json").read_text())


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """What ``--json`` printed, one object a line."""
        return [_object(line) for line in self.stdout.splitlines()]

    @property
    def summary(self) -> Mapping[str, Any]:
        """The summary that ``--json`` ends with."""
        return self.events[-1]

    @property
    def notes(self) -> list[str]:
        """The texts of the notes."""
        return [event["text"] for event in self.events if event["event"] == "note"]

    def steps(self, *, reused: bool) -> set[str]:
        """The steps that passed, reused from an earlier run or not."""
        return {
            event["step"]
            for event in self.events
            if event["event"] == "finished"
            and event["verdict"] == "passed"
            and event["reused"] == reused
        }

    def finished(self, step: str) -> Mapping[str, Any]:
        """How a step ended."""
        (found,) = (
            event for event in self.events if event["event"] == "finished" and event["step"] == step
        )
        return found


def _object(text: str) -> Mapping[str, Any]:
    data = json.loads(text)
    assert isinstance(data, dict)
    return data


def environment() -> dict[str, str]:
    """The environment of a user who has named nothing; Launchpad's place is a closed port."""
    return {
        **os.environ,
        "BACKPORT_LAUNCHPAD_ROOT": "http://127.0.0.1:9/",
        "DEBFULLNAME": "A Tester",
        "DEBEMAIL": "tester@example.org",
        "LC_ALL": "C.UTF-8",
    }


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other run of the tests uses the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget_steps(work: Path) -> None:
    """Remove what earlier runs made in a work folder, but for the prepared bases."""
    for path in work.iterdir() if work.is_dir() else ():
        if path.name != "bases":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def must(args: Sequence[str | Path], **options: Any) -> str:
    """The output of a program that has to succeed."""
    done = subprocess.run(
        [str(arg) for arg in args], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    output: str = done.stdout
    return output
