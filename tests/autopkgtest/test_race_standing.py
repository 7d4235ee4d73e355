"""A standing certbot, tried on a program that does what certbot.main.main does at its beginning."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import MATRIX_LIBRARY

MAIN = """
import os, random, sys
import zope.component

def main(arguments):
    with open(arguments[0], "a") as read:
        read.write("options\\n")
    if arguments[1] == "fails":
        return 5
    zope.component.provideUtility("configuration")
    zope.component.provideUtility("display")
    print(os.getpid(), os.getsid(0), random.random(), len(zope.component.known))
    return "an error" if arguments[1] == "error" else 3
"""
ZOPE = """
known = []
def provideUtility(one):
    known.append(one)
"""
DRIVER = """
import json, sys, time
sys.path[:0] = sys.argv[1:3]
import race_standing
base, kind, number = sys.argv[3], sys.argv[4], int(sys.argv[5])

def prepare(one):
    print("prepared", one["name"])
    sys.stdout.flush()
    return lambda: open(one["stdout"] + ".end", "w").close()

try:
    standing = race_standing.Standing([base + "/read", kind], prepare)
except race_standing.StandingError as error:
    print(error)
    sys.exit(1)
rows = []
for pair in range(number):
    runs = [{"name": str(one), "moment": time.time() + 0.05 * one,
             "stdout": "{}/out.{}.{}".format(base, pair, one),
             "stderr": "{}/err.{}.{}".format(base, pair, one)} for one in (0, 1)]
    left = set(standing.start(runs))
    while left:
        for pid, status, moment in standing.ended():
            left.discard(pid)
            rows.append([pid, status, moment - runs[0]["moment"]])
standing.close()
print(json.dumps(rows))
"""


def run(base: Path, kind: str, number: int = 1) -> subprocess.CompletedProcess[str]:
    for name, text in (
        ("certbot/__init__.py", ""),
        ("certbot/main.py", MAIN),
        ("zope/__init__.py", ""),
        ("zope/component.py", ZOPE),
    ):
        path = base / "modules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    words = [MATRIX_LIBRARY, base / "modules", base, kind, number]
    return subprocess.run(
        [sys.executable, "-B", "-c", DRIVER, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rows(base: Path, kind: str, number: int = 1) -> list[Any]:
    done = run(base, kind, number)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_each_run_is_a_process_that_goes_on_from_where_the_options_are_read(
    tmp_path: Path,
) -> None:
    found = rows(tmp_path, "well", number=3)
    assert (tmp_path / "read").read_text() == "options\n"
    assert [status >> 8 for _, status, _ in found] == [3] * 6
    said = [path.read_text().split() for path in sorted(tmp_path.glob("out.?.?"))]
    assert len({tuple(words[2:4]) for words in said}) == len(said) == 6, (
        "a process and session each"
    )
    assert all(words[0] == "prepared" and words[2] == words[3] for words in said)
    assert len({words[4] for words in said}) == 6, "each draws numbers of its own"
    assert {words[5] for words in said} == {"2"}, "what it makes known is made known once"
    assert len(list(tmp_path.glob("out.?.?.end"))) == 6


def test_the_second_begins_after_its_offset(tmp_path: Path) -> None:
    (first, second) = sorted(rows(tmp_path, "well"), key=lambda row: row[2])
    assert first[2] >= 0
    assert second[2] >= 0.05


def test_an_error_message_is_an_exit_code_of_one(tmp_path: Path) -> None:
    assert [status >> 8 for _, status, _ in rows(tmp_path, "error")] == [1, 1]
    assert (tmp_path / "err.0.0").read_text() == "an error\n"


def test_a_program_that_ends_before_is_told_and_not_run(tmp_path: Path) -> None:
    done = run(tmp_path, "fails")
    assert done.returncode == 1
    assert "ended before it had read its options" in done.stdout
    assert not list(tmp_path.glob("out.*"))


PACKAGES = """
calls = []
class EntryPoint:
    def require(self):
        calls.append("require")
    def __str__(self):
        return "one"
def iter_entry_points(group):
    calls.append(group)
    return iter([EntryPoint()])
"""
ASK = """
import sys
sys.path[:0] = sys.argv[1:3]
import pkg_resources, race_warm
race_warm._remember_plugins()
for _ in range(3):
    (found,) = pkg_resources.iter_entry_points("certbot.plugins")
    found.require()
print(" ".join(pkg_resources.calls))
"""


@pytest.mark.parametrize(("factor", "times"), [("1", 3), ("0.05", 1)])
def test_plugins_are_remembered_only_where_sleeps_are_shortened(
    factor: str, times: int, tmp_path: Path
) -> None:
    (tmp_path / "pkg_resources.py").write_text(PACKAGES)
    done = subprocess.run(
        [sys.executable, "-B", "-c", ASK, str(MATRIX_LIBRARY), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"RACE_SLEEP_FACTOR": factor, "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.split() == ["certbot.plugins", "require"] * times
