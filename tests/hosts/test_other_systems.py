"""The toolkit on other Debian releases than this machine's: installed, tested and used there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.source.files import tree_hashes
from tests.e2e.support import CHECKOUT, Place
from tests.hosts.machine import Machine, machine
from tests.support.systems import home

SERIES = "zesty"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can enter another root")


@pytest.fixture(scope="module", params=["trixie", "sid"])
def system(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine on which scripts/install has installed all that the tests need."""
    with machine(request.param) as other:
        installed = other.run("scripts/install", "test")
        assert installed.exit_code == 0, installed.tail()
        yield other
    assert str(other.root) not in Path("/proc/mounts").read_text()


def test_the_unit_layer_passes(system: Machine) -> None:
    done = system.run(".venv/bin/pytest", "-q", "-m", "unit")

    assert done.exit_code == 0, done.tail(40)


def test_the_main_job_passes_and_makes_the_same_source_packages(
    system: Machine, tmp_path: Path
) -> None:
    done = system.run("scripts/run", "--base", "stand-in", "--series", SERIES, timeout=7200)

    assert done.exit_code == 0, done.tail(60)
    summary = json.loads(system.path("build/summary.json").read_text())
    assert summary["counts"]["skipped"] == 0
    place = Place(CHECKOUT, tmp_path, home() / "cache")
    here = place.run("source", "--series", SERIES)
    assert here.exit_code == 0, here.stderr
    expected = source_files(tmp_path)
    assert len(expected) > 10
    assert source_files(system.path("build")) == expected


def source_files(work: Path) -> dict[str, str]:
    """What is uploaded of the source packages, by their hashes."""
    files = tree_hashes(work / "source").items()
    return {name: digest for name, digest in files if not name.endswith((".json", ".jsonl"))}
