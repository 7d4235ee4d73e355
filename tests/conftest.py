"""What every test shares: its layer, and how hypothesis runs."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a busy machine is no failure.
settings.register_profile("toolkit", deadline=None, database=None)
settings.load_profile("toolkit")

# A shell's background job ignores SIGINT, and so would what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
HOSTS = ROOT / "tests/hosts"
# Tests that need nothing but Python. Those of tests/e2e are end-to-end, all others need a system.
UNIT = tuple(
    f"tests/{folder}/test_{name}.py".replace("/./", "/")
    for folder, names in {
        "bench": "figures",
        "check": "changes finding planned python_code",
        "engine": "schedule step verdict",
        "launchpad": "bug_plan bug_text ppa_version",
        "recipe": "checks edit matrix_files reader refused releases",
        "run": "plan plan_text summary ui",
        "source": "changelog control dep3 dep8 relations",
        "testbed": "matrix reports result",
        ".": "atomic doctests layers toolkit user_folders",
    }.items()
    for name in names.split()
)
# What shares a work folder shares a process; these begin first, since they take longest.
GROUPS = {
    "tests/e2e/test_main_job.py": "certbot",
    "tests/e2e/test_pinned_packages.py": "certbot",
    "tests/e2e": "small recipes",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="go the whole way in every series")
    parser.addoption(
        "--hosts", action="store_true", help="go the whole way on other systems, of tests/hosts"
    )
    parser.addoption(
        "--fuzz", type=float, default=0.0, metavar="SECONDS", help="how long to damage each input"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what takes an hour, unless it is asked for."""
    return True if collection_path == HOSTS and not config.getoption("hosts") else None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long values by their parameter: they may hold the time, and a name is limited."""
    return argname if isinstance(val, (str, bytes)) and len(val) > 200 else None


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its layer, and the group of tests that run in one process."""
    order = [*dict.fromkeys(GROUPS.values())]
    group: dict[pytest.Item, str] = {}
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        folder = path.split("/")[1]
        layer = folder if folder in ("e2e", "hosts") else "system"
        item.add_marker("unit" if path.startswith(UNIT) else layer)
        group[item] = next((GROUPS[start] for start in GROUPS if path.startswith(start)), path)
        item.add_marker(pytest.mark.xdist_group(group[item]))
    if hasattr(config, "workerinput"):  # one of several processes
        items.sort(key=lambda one: [*order, group[one]].index(group[one]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run where xdist does not keep a group together, and its fixtures are made twice."""
    if hasattr(session.config, "workerinput") and session.config.getvalue("loadgroup"):
        apart = [item.nodeid for item in session.items if "@" not in item.nodeid]
        if apart:
            raise pytest.UsageError(f"xdist takes no notice of the group of {apart[0]}")


# What a unit test may not do, by the name of Python's audit event (PEP 578).
_FORBIDDEN = {"subprocess.Popen": "starts a program", "socket.connect": "opens a connection"}
_in_unit_test = threading.Event()


def _refuse(
    event: str, _arguments: object, forbidden: Mapping[str, str] = _FORBIDDEN
) -> None:  # at Python's end no global name is left
    if event in forbidden and _in_unit_test.is_set():
        raise AssertionError(
            f"a unit test {forbidden[event]}: take its module out of UNIT in tests/conftest.py"
        )


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def kept_to_its_layer(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a unit test start no program, and open no connection."""
    if request.node.get_closest_marker("unit"):
        _in_unit_test.set()
    yield
    _in_unit_test.clear()
