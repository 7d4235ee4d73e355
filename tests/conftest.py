"""What every test shares: how hypothesis runs, and a state of `process` of its own."""

from __future__ import annotations

import threading

import pytest
from hypothesis import settings

from backport.engine import process

# No deadline: a busy machine is no failure.
settings.register_profile("toolkit", deadline=None, database=None)
settings.load_profile("toolkit")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="go the whole way in every series")
    parser.addoption(
        "--fuzz", type=float, default=0.0, metavar="SECONDS", help="how long to damage each input"
    )


@pytest.fixture(autouse=True)
def own_process_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test the state that `process` has when a command begins.

    A command that is stopped starts no program ever after; the next test is another command.
    """
    monkeypatch.setattr(process, "_registry", None)
    monkeypatch.setattr(process, "_stopping", threading.Event())
    monkeypatch.setattr(process, "_running", set())
