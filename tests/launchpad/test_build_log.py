from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from backport.launchpad.builds import log as build_log
from tests.launchpad.conftest import QUICK
from tests.support.launchpad_server import Fault, StandIn, World

TEXT = b"".join(b"line %d\n" % number for number in range(20000))


def tail(standin: StandIn, name: str, lines: int = 2) -> build_log.Tail:
    return build_log.fetch(f"{standin.root}{name}", lines, QUICK, lambda _: None)


@pytest.fixture
def log(world: World) -> str:
    world.files["/log.txt.gz"] = gzip.compress(TEXT)
    return "log.txt.gz"


def test_a_gzipped_log_is_unpacked(standin: StandIn, log: str) -> None:
    assert tail(standin, log) == build_log.Tail(("line 19998", "line 19999"))


def test_a_plain_log_is_read_as_it_is(standin: StandIn, world: World) -> None:
    world.files["/log.txt"] = b"one\r\ntwo\nthree"
    assert tail(standin, "log.txt").lines == ("two", "three")


def test_a_web_page_in_place_of_the_log_is_recognised_even_gzipped(
    standin: StandIn, world: World
) -> None:
    world.files["/log.txt.gz"] = gzip.compress(b"\n<!DOCTYPE html><html>Sorry</html>\n")
    found = tail(standin, "log.txt.gz")
    assert found == build_log.Tail(
        (), "the log cannot be read: a web page is in its place, 4 times"
    )


@pytest.mark.parametrize("kind", ["truncated", "short"])
def test_a_log_that_ends_early_is_asked_for_again_and_else_told(
    standin: StandIn, log: str, kind: str
) -> None:
    standin.faults.add(Fault(kind, on=log, times=1))  # type: ignore[arg-type]
    assert tail(standin, log).trouble == ""
    standin.faults.add(Fault(kind, on=log, times=-1))  # type: ignore[arg-type]
    found = tail(standin, log)
    assert found.trouble == "it ends early"
    assert found.lines
    assert found.lines[-1] != "line 19999"


def test_a_damaged_log_is_told(standin: StandIn, world: World) -> None:
    whole = bytearray(gzip.compress(TEXT))
    whole[len(whole) // 2] ^= 0xFF
    world.files["/log.txt.gz"] = bytes(whole)
    assert "damaged" in tail(standin, "log.txt.gz").trouble


def test_a_log_that_is_not_there_is_told_at_once(standin: StandIn) -> None:
    found = tail(standin, "nothing.txt.gz")
    assert found == build_log.Tail((), "the log cannot be read: the server answered 404 Not Found")
    assert len(standin.requests) == 1


def test_a_build_without_a_log_has_an_empty_tail() -> None:
    assert build_log.fetch("", 5, QUICK) == build_log.Tail((), "there is no log")


def test_a_server_that_is_away_or_slow_is_told(standin: StandIn, log: str) -> None:
    standin.faults.add(Fault("slow", on=log, seconds=1.5, times=2))
    slow = replace(QUICK, silence=0.3, attempts=2)
    found = build_log.fetch(f"{standin.root}{log}", 2, slow, lambda _: None)
    assert found.trouble == "the log cannot be read: the server did not answer in time, 2 times"
    away = build_log.fetch("http://127.0.0.1:9/log", 2, QUICK, lambda _: None)
    assert "the connection is refused" in away.trouble
