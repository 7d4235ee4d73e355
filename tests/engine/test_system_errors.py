from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from backport.engine import system_errors
from backport.engine.verdict import Failed
from backport.errors import MachineError


@pytest.mark.parametrize("number", sorted(system_errors._REFUSALS))
def test_each_refusal_is_a_sentence_with_its_place_and_what_to_do(number: int) -> None:
    with pytest.raises(MachineError) as named, system_errors.refusals("/work"):
        raise OSError(number, os.strerror(number), "/work/file")
    assert str(named.value).startswith("/work/file: ")
    assert "; " in str(named.value)
    with pytest.raises(MachineError, match=r"^/work: "), system_errors.refusals(Path("/work")):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EPIPE, errno.ECONNREFUSED])
def test_what_is_no_refusal_stays_what_it_is(number: int) -> None:
    with pytest.raises(OSError) as caught, system_errors.refusals():
        raise OSError(number, os.strerror(number))
    assert caught.value.errno == number


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("tar: x: Cannot write: No space left on device\n", "the disk is full"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.\n", "the disk is full"),
        ("dpkg-deb: error: paste to 'x.deb': Disk quota exceeded\n", "the disk is full"),
        ("sh: 1: echo: echo: I/O error: File too large\n", "larger than is allowed"),
    ],
)
def test_a_step_that_fails_with_that_in_its_log_was_refused(
    tmp_path: Path, log: str, said: str
) -> None:
    (tmp_path / "build.log").write_text(f"{log}make: *** [all] Error 2\n")
    refusal = system_errors.behind(Failed("build", "make ended with 2"), tmp_path)
    assert refusal is not None
    assert said in str(refusal)


def test_a_step_that_fails_otherwise_was_not_but_for_a_program_that_a_limit_killed(
    tmp_path: Path,
) -> None:
    (tmp_path / "build.log").write_text("No space left on device\n" + "x" * 2**14)
    (tmp_path / "other.log").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo.log")
    failed = Failed("build", "it does not compile")
    assert system_errors.behind(failed, tmp_path, {0, 1, -9}) is None
    for exit_code in (-25, 153):
        refusal = system_errors.behind(failed, tmp_path, {0, exit_code})
        assert "larger than is allowed" in str(refusal)
