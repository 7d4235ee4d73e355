"""What the tests of checks share."""

from __future__ import annotations

import pytest

from tests.build.bullseye import Bullseye, bullseye
from tests.check.lifecycles import Lifecycles, run_lifecycles


@pytest.fixture(scope="session")
def base() -> Bullseye:
    """A real chroot and testbed root."""
    return bullseye()


@pytest.fixture(scope="session")
def lifecycles(base: Bullseye, tmp_path_factory: pytest.TempPathFactory) -> Lifecycles:
    """What was found when tiny packages were installed, upgraded, removed and purged."""
    return run_lifecycles(base.testbed_root, tmp_path_factory.mktemp("lifecycles"))
