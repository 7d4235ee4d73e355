"""What the end-to-end tests share: where they run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Place, alone, forget_steps
from tests.support.systems import home


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a job in the first series of its module, and with --long in all of them."""
    if "job" in metafunc.fixturenames:
        series = metafunc.module.SERIES
        chosen = series if metafunc.config.getoption("--long") else series[:1]
        names = [getattr(one, "name", one) for one in chosen]
        metafunc.parametrize("job", chosen, ids=names, indirect=True, scope="module")


@pytest.fixture(scope="session")
def small_home() -> Iterator[Path]:
    """The folder of small recipes; the base that is prepared there serves all of them."""
    folder = home() / "small"
    with alone(folder):
        yield folder


@pytest.fixture
def place(small_home: Path, tmp_path: Path) -> Place:
    """An empty recipe's folder, and a work folder with nothing but a base, maybe."""
    work = small_home / "work"
    forget_steps(work)
    root = tmp_path / "recipe"
    root.mkdir()
    return Place(root, work, home() / "cache")
