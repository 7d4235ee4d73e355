"""No reader of data that others make ends in a traceback, whatever is damaged in the data.

The plain suite takes a few examples of each reader; ``pytest tests/fuzz --fuzz SECONDS`` goes on
for so long with each one. What it finds becomes a seed in `readers`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from backport.errors import InputError
from tests.fuzz.readers import READERS, Reader

EXAMPLES = 40


def ends_well(reader: Reader, content: bytes) -> None:
    """Read the content: a value, or one error whose sentence says what is wrong and where."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / reader.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        try:
            reader.read(path)
        except InputError as error:
            assert error.where
            assert error.what
            assert error.exit_code == 3


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_the_sample_can_be_read(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "work" / reader.file
    path.parent.mkdir(parents=True)
    path.write_bytes(reader.sample)
    assert reader.read(path) is not None


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_no_damage_ends_in_a_traceback(reader: Reader, request: pytest.FixtureRequest) -> None:
    end = time.monotonic() + request.config.getoption("--fuzz")

    @given(content=reader.inputs)
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def some(content: bytes) -> None:
        ends_well(reader, content)

    some()
    while time.monotonic() < end:
        some()


@pytest.mark.parametrize(
    ("reader", "content"),
    [pytest.param(reader, seed, id=f"{reader.name} {n}") for reader in READERS
     for n, seed in enumerate(reader.seeds)],
)  # fmt: skip
def test_what_once_ended_in_a_traceback_does_no_more(reader: Reader, content: bytes) -> None:
    ends_well(reader, content)
