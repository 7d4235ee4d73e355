"""A full disk, no right, a limit, an output that takes nothing: one sentence, and exit code 5."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import recipes
from tests.support.recipes import Spec
from tests.test_cli import ROOT, command
from tests.test_commands import Place

BACKPORT = [sys.executable, "-m", "backport.cli"]


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    (tmp_path / "work").mkdir()
    return Place(tmp_path, capsys)


def in_shell(
    prelude: str, words: Sequence[str], where: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the toolkit after a line of shell, with mounts that it alone sees."""
    become = [] if os.geteuid() == 0 else ["--map-root-user"]
    _, own = command(**env)
    own["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        ["unshare", *become, "--mount", "sh", "-c", f'{prelude}\n"$@"', "sh", *BACKPORT, *words],
        cwd=where, env=own, capture_output=True, text=True, check=False,
    )  # fmt: skip


def source(place: Place, *options: str) -> list[str]:
    """The words that make a source package below ``work``."""
    common = ["--recipe", str(place.root / recipes.FILE), "--cache", str(place.root / "cache")]
    return ["source", "--offline", "--series", "xenial", *common, "--work", "work", *options]


SMALL = "mount -t tmpfs -o size={} small work"
FULL = f"{SMALL.format('64k')} && head -c 60k /dev/zero >work/other"


@pytest.mark.parametrize(
    ("prelude", "said"),
    [
        (FULL, "the disk is full"),
        (f"{SMALL.format('1m')} && mount -o remount,nr_inodes=4 work", "the disk is full"),
        (f"{SMALL.format('1m')} && mount -o remount,ro work", "this can only be read"),
        ("rmdir work && touch work", "a file is where a folder has to be"),
        ("ulimit -f 3", "a file would be larger than is allowed"),  # dpkg-source dies, silently
        ("ulimit -n 8", "too many files are open"),
    ],
)
def test_what_the_system_refuses_a_step_is_told_in_one_sentence(
    place: Place, prelude: str, said: str
) -> None:
    done = in_shell(prelude, source(place), place.root)
    assert "Traceback" not in done.stderr + done.stdout
    assert said in done.stderr + done.stdout
    assert done.returncode == 5


def test_a_fault_of_the_disk_is_no_fault_of_the_file() -> None:
    # At address 0 nothing is mapped: the system refuses to read with EIO (proc(5)).
    done = in_shell("", ["plan", "--recipe", "/proc/self/mem"])
    assert "/proc/self/mem: " in done.stderr
    assert "Input/output error; look at its permissions, and at the disk.\n" in done.stderr
    assert done.returncode == 5


@pytest.mark.parametrize("word", ["explain", "--help"])
@pytest.mark.parametrize(
    ("prelude", "said"),
    [("exec >/dev/full", "the disk is full"), ("exec >&-", "the output is closed")],
)
def test_an_output_that_takes_nothing_is_told_on_the_other_one(
    prelude: str, said: str, word: str
) -> None:
    done = in_shell(prelude, [word])
    (line,) = done.stderr.splitlines()
    assert line.startswith("backport: ")
    assert said in line
    assert done.returncode == 5


def test_a_closed_error_output_hides_nothing_of_the_rest() -> None:
    done = in_shell("exec 2>&-", ["explain"])
    assert (done.returncode, done.stdout) == (0, in_shell("", ["explain"]).stdout)


def test_nobody_is_asked_through_a_closed_input(place: Place) -> None:
    content = recipes.data(Spec())
    content["update"] |= {"bug": 77, "ppa": "me/sru"}
    path = recipes.write(place.root, Spec(), content)
    done = in_shell("exec <&-", ["upload", "--ask", "--recipe", str(path)])
    said = "backport: --ask: nobody is there to be asked; leave it out to upload at once.\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_without_a_home_only_what_needs_one_is_refused(tmp_path: Path) -> None:
    # A user of a number that passwd(5) does not have.
    nobody = 'unset HOME XDG_CACHE_HOME; set -- unshare --user --map-user=54321 "$@"'
    for words in (["--help"], ["explain"]):
        assert in_shell(nobody, words).returncode == 0
    done = in_shell(nobody, ["doctor"])
    said = "backport: the home of this user is not known; set HOME.\n"
    assert (done.returncode, done.stderr) == (5, said)
    assert said not in in_shell(nobody, ["doctor", "--cache", str(tmp_path)]).stderr


def test_an_output_that_cannot_encode_a_character_prints_a_replacement(place: Place) -> None:
    done = in_shell("", source(place), place.root, PYTHONIOENCODING="ascii")
    assert "Traceback" not in done.stderr
    assert "fetch/alpha ?" in done.stdout
    assert done.returncode == 0
