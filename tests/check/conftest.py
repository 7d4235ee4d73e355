"""What the tests of checks share."""

from __future__ import annotations

import pytest

from tests.build.bullseye import Bullseye, bullseye
from tests.check.lives import Lives, lead_lives


@pytest.fixture(scope="session")
def base() -> Bullseye:
    """A real chroot and testbed root."""
    return bullseye()


@pytest.fixture(scope="session")
def lives(base: Bullseye, tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """What was found when tiny packages were installed, upgraded, removed and purged."""
    return lead_lives(base.testbed_root, tmp_path_factory.mktemp("lives"))
