from __future__ import annotations

import socket
import subprocess

import pytest

from tests.conftest import GROUPS, ROOT, UNIT


def test_a_unit_test_that_starts_a_program_fails() -> None:
    with pytest.raises(AssertionError, match="a unit test starts a program: take its module out"):
        subprocess.run(["true"], check=True)


def test_a_unit_test_that_opens_a_connection_fails() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match="opens a connection"):
        one.connect(("127.0.0.1", 9))


def proofs() -> list[str]:
    """The paths of tests/proofs: a folder or module of tests, a hash, what it is about."""
    lines = (ROOT / "tests/proofs").read_text().splitlines()
    return [path for line in lines for path in (line.split()[:1] + line.split()[2:])]


@pytest.mark.parametrize("path", dict.fromkeys([*UNIT, *GROUPS, *proofs()]))
def test_what_has_a_layer_a_group_or_is_a_proof_is_there(path: str) -> None:
    assert (ROOT / path).exists()
