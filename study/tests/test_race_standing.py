"""A standing certbot, tried on a program that does what certbot.main.main does at its beginning."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from study.tests.support import LIBRARY

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
    import re
    needed = ["late" not in sys.modules, not any(key[1] == "la+te" for key in re._cache)]
    import late
    re.compile("la+te")
    print(os.getpid(), os.getsid(0), random.random(), len(zope.component.known), *needed)
    return {"error": "an error", "learns": None}.get(arguments[1], 3)
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
if kind == "learns":
    one = {"name": "first", "moment": 0, "stdout": base + "/first", "stderr": base + "/first.err"}
    try:
        standing.learn(base + "/learnt", one)
    except race_standing.StandingError as error:
        print(error)
        sys.exit(1)
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
        ("late.py", ""),
        ("zope/__init__.py", ""),
        ("zope/component.py", ZOPE),
    ):
        path = base / "modules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    words = [LIBRARY, base / "modules", base, kind, number]
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


def test_each_run_is_a_process_that_goes_on_from_where_the_options_are_read(tmp_path: Path) -> None:
    ended = rows(tmp_path, "well", number=3)
    assert (tmp_path / "read").read_text() == "options\n"
    assert [status >> 8 for _, status, _ in ended] == [3] * 6
    printed = [path.read_text().split() for path in sorted(tmp_path.glob("out.?.?"))]
    assert len({tuple(words[2:4]) for words in printed}) == len(printed) == 6, (
        "a process and session each"
    )
    assert all(words[0] == "prepared" and words[2] == words[3] for words in printed)
    assert len({words[4] for words in printed}) == 6, "each draws numbers of its own"
    assert {words[5] for words in printed} == {"2"}, "what it makes known is made known once"
    assert len(list(tmp_path.glob("out.?.?.end"))) == 6


def test_the_second_begins_after_its_offset(tmp_path: Path) -> None:
    (first, second) = sorted(rows(tmp_path, "well"), key=lambda row: row[2])
    assert first[2] >= 0
    assert second[2] >= 0.05


def test_an_error_message_is_an_exit_code_of_one(tmp_path: Path) -> None:
    assert [status >> 8 for _, status, _ in rows(tmp_path, "error")] == [1, 1]
    assert (tmp_path / "err.0.0").read_text() == "an error\n"


def test_what_the_first_run_loads_and_compiles_is_there_for_the_others(tmp_path: Path) -> None:
    assert [status for _, status, _ in rows(tmp_path, "learns")] == [0, 0]
    assert (tmp_path / "first").read_text().split()[-2:] == ["True", "True"]
    for path in tmp_path.glob("out.?.?"):
        assert path.read_text().split()[-2:] == ["False", "False"]


def test_without_learning_each_run_loads_and_compiles_by_itself(tmp_path: Path) -> None:
    assert len(rows(tmp_path, "well")) == 2
    for path in tmp_path.glob("out.?.?"):
        assert path.read_text().split()[-2:] == ["True", "True"]


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
    assert ask(ASK, tmp_path, factor).split() == ["certbot.plugins", "require"] * times


def ask(program: str, modules: Path, factor: str) -> str:
    return subprocess.run(
        [sys.executable, "-B", "-c", program, str(LIBRARY), str(modules)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"RACE_SLEEP_FACTOR": factor, "PATH": "/usr/bin:/bin"},
    ).stdout


RESPONSE = """
class Response:
    def __init__(self, content):
        self.content = content
    @property
    def apparent_encoding(self):
        return "guessed"
"""
GUESS = """
import sys
sys.path[:0] = sys.argv[1:3]
import race_warm
from requests import models
race_warm._guess_no_encodings()
print(*[models.Response(text).apparent_encoding for text in (b"{}", b"0\\x82\\x01")])
"""


@pytest.mark.parametrize(
    ("factor", "encodings"), [("1", "guessed guessed"), ("0.05", "guessed None")]
)
def test_only_the_encoding_of_certificates_is_not_guessed_and_only_where_shortened(
    factor: str, encodings: str, tmp_path: Path
) -> None:
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "__init__.py").touch()
    (tmp_path / "requests" / "models.py").write_text(RESPONSE)
    assert ask(GUESS, tmp_path, factor).strip() == encodings


ROLL = """
import os, sys
sys.path[:0] = sys.argv[1:3]
import race_warm
from logging import handlers
race_warm._look_for_logs_once()
base = sys.argv[2]
for number in range(5):
    one = handlers.RotatingFileHandler(base + "/log", maxBytes=1, backupCount=3, delay=True)
    one.doRollover()
    with open(base + "/log", "w") as log:
        log.write(str(number))
    assert one.backupCount == 3
    if number == 2:
        os.unlink(base + "/log.1")
open(base + "/log.other", "w").close()
handlers.RotatingFileHandler(base + "/log", backupCount=3, delay=True).doRollover()
for name in sorted(os.listdir(base)):
    print("%s=%s" % (name, open(os.path.join(base, name)).read()))
"""


def test_logs_are_renamed_as_ever_however_they_are_looked_for(tmp_path: Path) -> None:
    names = []
    for factor in ("1", "0.05"):
        (tmp_path / factor).mkdir()
        names.append(ask(ROLL, tmp_path / factor, factor).split())
    assert names[0] == names[1]
    assert names[0] == ["log.1=4", "log.2=3", "log.3=2", "log.other="]


CRYPTO = """
TYPE_RSA, TYPE_DSA, FILETYPE_PEM = 6, 116, 1
class PKey:
    made = 0
    def generate_key(self, kind, bits):
        PKey.made += 1
        self.text = "made {} {} {}".format(PKey.made, kind, bits)
def dump_privatekey(_, key):
    return key.text
def load_privatekey(_, text):
    key = PKey()
    key.text = text
    return key
"""
KEYS = """
import sys
sys.path[:0] = sys.argv[1:3]
import race_keys
from OpenSSL import crypto
pool = race_keys.make(2)
race_keys.hand_out(pool[1])
for kind, bits in ((crypto.TYPE_RSA, 1024), (crypto.TYPE_RSA, 2048), (crypto.TYPE_RSA, 2048)):
    key = crypto.PKey()
    key.generate_key(kind, bits)
    print(key.text)
"""


def test_a_run_gets_its_key_once_and_only_for_one_of_that_kind(tmp_path: Path) -> None:
    (tmp_path / "OpenSSL").mkdir()
    (tmp_path / "OpenSSL" / "__init__.py").touch()
    (tmp_path / "OpenSSL" / "crypto.py").write_text(CRYPTO)
    assert ask(KEYS, tmp_path, "0.05").splitlines() == [
        "made 3 6 1024",
        "made 2 6 2048",
        "made 4 6 2048",
    ]
