"""What the tests of testbeds share."""

from __future__ import annotations

import pytest

from tests.build.bullseye import Bullseye, bullseye


@pytest.fixture(scope="session")
def base() -> Bullseye:
    """A real chroot and testbed root."""
    return bullseye()
