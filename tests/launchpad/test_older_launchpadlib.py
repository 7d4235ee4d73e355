"""The tests of what asks Launchpad once more, with the launchpadlib of Debian 12.

Everywhere else the newest one is the client. scripts/install puts the older one, with the
libraries that it is made of, into a folder of the environment.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
OLDER = Path(sys.prefix) / "debian-12"
WANTED = dict(
    line.split("==")
    for line in (HERE / "debian-12.txt").read_text().splitlines()
    if not line.startswith("#")
)
# What is loaded is said first: the tests would pass with the newest one, too.
RUN = """\
import httplib2, launchpadlib, lazr.restfulclient, lazr.uri, oauthlib, sys, wadllib
for one in (httplib2, launchpadlib, lazr.restfulclient, lazr.uri, oauthlib, wadllib):
    print(one.__name__, one.__version__, one.__file__)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
# Reads, pages, ETags and conflicts, posts and files, logins, and every fault of each.
TESTS = (
    "test_launchpad_server.py",
    "test_client.py",
    "test_http.py",
    "test_credentials.py",
    "test_bug.py",
    "test_bug_commands.py",
    "test_upload_and_wait.py",
)


def test_the_other_tests_run_with_a_newer_one() -> None:
    for name in ("launchpadlib", "lazr.restfulclient", "wadllib", "httplib2"):
        assert importlib.metadata.version(name) != WANTED[name], name


def test_the_client_of_debian_12_passes_the_same_tests(tmp_path: Path) -> None:
    assert OLDER.is_dir(), "scripts/install test has not put it there"

    ran = subprocess.run(
        [
            *(sys.executable, "-c", RUN, "-q", "-p", "no:cacheprovider"),
            f"--basetemp={tmp_path / 'older'}",
            *(f"tests/launchpad/{name}" for name in TESTS),
        ],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(OLDER)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    lines = ran.stdout.splitlines()
    loaded = {line.split()[0]: line.split()[1:] for line in lines[:6]}
    for name, (version, file) in loaded.items():
        assert version == WANTED[name], name
        assert Path(file).is_relative_to(OLDER), name
    (passed,) = re.findall(r"^(\d+) passed in ", ran.stdout, re.MULTILINE)
    assert int(passed) > 100


@pytest.mark.parametrize("name", sorted(WANTED))
def test_it_is_what_debian_12_has(name: str) -> None:
    (found,) = importlib.metadata.Distribution.discover(name=name, path=[str(OLDER)])

    assert found.version == WANTED[name]
