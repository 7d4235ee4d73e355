"""What every test shares: its layer, and how hypothesis runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a busy machine is no failure.
settings.register_profile("toolkit", deadline=None, database=None)
settings.load_profile("toolkit")

ROOT = Path(__file__).parents[1]
# Tests that need nothing but Python. Those of tests/e2e are end-to-end, all others need a system.
UNIT = ()
# Tests that use what a machine has once: they run one after the other.
MACHINE = (
    "tests/build",
    "tests/e2e",
    "tests/environments",
    "tests/testbed",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="go the whole way in every series")
    parser.addoption(
        "--fuzz", type=float, default=0.0, metavar="SECONDS", help="how long to damage each input"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its layer, and let tests of a file, or of the machine, share a process."""
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        layer = "unit" if path.startswith(UNIT) else "system"
        item.add_marker("e2e" if path.startswith("tests/e2e") else layer)
        group = "the machine" if path.startswith(MACHINE) else path
        item.add_marker(pytest.mark.xdist_group(group))
    # The longest group first: the other process takes all that is behind it.
    items.sort(key=lambda item: not item.path.relative_to(ROOT).as_posix().startswith(MACHINE))


# What a unit test may not do, by the name of Python's audit event (PEP 578).
_FORBIDDEN = {"subprocess.Popen": "starts a program", "socket.connect": "opens a connection"}
_in_unit_test = threading.Event()


def _refuse(event: str, _arguments: object) -> None:
    if event in _FORBIDDEN and _in_unit_test.is_set():
        raise AssertionError(
            f"a unit test {_FORBIDDEN[event]}: take its module out of UNIT in tests/conftest.py"
        )


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def kept_to_its_layer(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a unit test start no program, and open no connection."""
    if request.node.get_closest_marker("unit"):
        _in_unit_test.set()
    yield
    _in_unit_test.clear()
