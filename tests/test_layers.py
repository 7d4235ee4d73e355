from __future__ import annotations

import re
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
    """The paths that scripts/test names for its proofs."""
    (array,) = re.findall(r"(?ms)^proofs=\((.*?)^\)", (ROOT / "scripts/test").read_text())
    return str(array).replace('"', "").split()


@pytest.mark.parametrize("path", dict.fromkeys([*UNIT, *GROUPS, *proofs()]))
def test_what_has_a_layer_a_group_or_is_a_proof_is_there(path: str) -> None:
    assert (ROOT / path).exists()
