"""What every test shares: how hypothesis runs."""

from __future__ import annotations

import pytest
from hypothesis import settings

# No deadline: a busy machine is no failure.
settings.register_profile("toolkit", deadline=None, database=None)
settings.load_profile("toolkit")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="go the whole way in every series")
