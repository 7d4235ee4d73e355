from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from backport.engine import records
from backport.engine.verdict import Failed, Passed, Verdict
from backport.errors import InputError, MachineError, reading


@dataclass(frozen=True)
class Inner:
    name: str
    place: Path = Path()


@dataclass(frozen=True)
class Outer:
    number: int
    share: float
    sure: bool
    state: Literal["a", "b"]
    pair: tuple[str, int]
    inner: tuple[Inner, ...]
    named: Mapping[str, Inner] = field(default_factory=dict)
    maybe: Inner | None = None
    cell: str | float = ""
    ended: Verdict = field(default_factory=Passed)


RIGHT: dict[str, Any] = {
    "number": 1, "share": 2, "sure": True, "state": "a", "pair": ["x", 3],
    "inner": [{"name": "n", "place": "/p"}], "named": {"k": {"name": "m"}}, "maybe": None,
    "cell": 1.5, "ended": {"verdict": "failed", "stage": "s", "detail": "d"},
}  # fmt: skip


def test_a_record_is_read_as_what_it_was_written_from() -> None:
    inner = (Inner("n", Path("/p")),)
    expected = Outer(1, 2.0, True, "a", ("x", 3), inner, {"k": Inner("m")}, None, 1.5,
                     Failed("s", "d"))  # fmt: skip
    assert records.decode(Outer, RIGHT) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": True}, "number is True, not a whole number of 64 bits"),
        ({"number": 1.0}, "number is 1.0, not a whole number of 64 bits"),
        ({"number": 2**63}, "not a whole number of 64 bits"),
        ({"share": "2"}, "share is '2', not a number"),
        ({"share": float("inf")}, "share is inf, not a number"),
        ({"sure": 1}, "sure is 1, not true or false"),
        ({"state": "c"}, "state is 'c', not one of a, b"),
        ({"pair": ["x"]}, "not a list of 2"),
        ({"pair": {"x": 1}}, "not a list"),
        ({"inner": [1]}, "not an object"),
        ({"inner": [{}]}, "lacks name"),
        ({"inner": [{"name": "n", "place": 1}]}, "place is 1, not a string"),
        ({"named": []}, "named is [], not an object"),
        ({"maybe": 1}, "not an object"),
        ({"cell": None}, "cell is None, not a number"),
        ({"ended": {"verdict": "fine"}}, "not one of passed, failed, skipped, broken"),
        ({"ended": {}}, "ended.verdict is None, not a string"),
        ({"ended": {"verdict": "skipped"}}, "ended lacks reason"),
        ({"ended": {"verdict": "passed", "detail": 1}}, "detail is 1, not a string"),
        ({"more": 1}, "it has the unknown key 'more'"),
    ],
)
def test_another_value_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        records.decode(Outer, RIGHT | change)


def said_of(path: Path, *, most: int = records.MOST_BYTES) -> str:
    with pytest.raises(InputError) as caught, reading(path):
        records.read_json(path, most)
    assert caught.value.where == str(path)
    return caught.value.what


def test_only_a_regular_file_of_a_bounded_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert said_of(path) == "this file cannot be read: No such file or directory"
    assert said_of(tmp_path) == "this file cannot be read: Is a directory"
    path.write_text("[" + " " * (2 << 20) + "]")
    assert said_of(path, most=1 << 20) == "this file cannot be read: it has more than 1 MiB"
    assert records.read_json(path) == []
    os.mkfifo(tmp_path / "fifo")  # nobody writes to it
    assert said_of(tmp_path / "fifo") == "this file cannot be read: it is no regular file"
    for content, reason in (
        (b"[" * 100_000, "it is nested too deeply"),
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b'"\n\n\xff"', "line 3 is not UTF-8"),
    ):
        path.write_bytes(content)
        assert said_of(path) == f"this file cannot be read: {reason}"


def test_what_the_system_refuses_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="Too many open files"), reading(tmp_path):
        raise OSError(24, "Too many open files")
    with pytest.raises(KeyboardInterrupt), reading(tmp_path):
        raise KeyboardInterrupt
