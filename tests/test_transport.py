"""HTTP with limits, against servers that keep to none."""

from __future__ import annotations

import pytest

from backport import transport
from backport.transport import Limits, UnansweredError
from tests.support.raw_server import HEAD, RawServer

ONCE = Limits(attempts=1)


def refused(url: str, limits: Limits = ONCE) -> UnansweredError:
    with pytest.raises(UnansweredError) as caught:
        transport.content(url, limits, lambda _: None)
    return caught.value


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ([HEAD, b"x" * 65536, None], "sends more than the limit"),
        ([b"HTTP/1.1 200 OK\r\n", b"X-Header: x\r\n", None], "broke off the connection"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], "broke off the connection"),
        ([b"\x00" * 100], "broke off the connection"),
        ([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], "answered 404 Not Found"),
        ([b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"], "not allowed"),
        ([b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\n\r\n"], "unknown url type: ftp"),
        ([HEAD, b"<!DOCTYPE html><p>Log in"], "a web page instead of the file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_cannot_be_used_is_told(sent: list[bytes | None], message: str) -> None:
    with RawServer(sent) as server:
        assert message in refused(server.url, Limits(attempts=1, size=1_000_000)).what


@pytest.mark.parametrize("sent", [[HEAD, b"x", None], [b"HTTP/1.1 200 OK\r\n", b"x", None]])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(sent: list[bytes | None]) -> None:
    with RawServer(sent, pause=0.05) as server:
        assert refused(server.url, Limits(attempts=1, total=0.5)).what == "did not answer in time"


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "gopher"])
def test_no_other_scheme_is_spoken(scheme: str) -> None:
    error = refused(f"{scheme}:///etc/passwd", Limits())
    assert f"unknown url type: {scheme}" in error.what
    assert not error.passing


def test_a_passing_fault_is_asked_for_again_with_longer_waits() -> None:
    waits: list[float] = []
    with (
        RawServer([b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"]) as server,
        pytest.raises(UnansweredError) as caught,
    ):
        transport.content(server.url, Limits(attempts=4, first_wait=1.0), waits.append)
    assert (waits, server.connections) == ([0, 1.0, 2.0], 4)
    assert caught.value.what == "answered 503 Busy, 4 times"


@pytest.mark.parametrize(
    ("status", "connections"),
    [
        (b"400 No", 1),
        (b"403 No", 1),
        (b"404 No", 1),
        (b"408 Late", 2),
        (b"429 Slower", 2),
        (b"501 No", 1),
        (b"503 Busy\r\nRetry-After: 0", 2),
        (b"503 Busy\r\nRetry-After: 3600", 1),
    ],
)
def test_a_fault_that_stays_or_lasts_too_long_is_not_asked_for_again(
    status: bytes, connections: int
) -> None:
    with RawServer([b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status]) as server:
        refused(server.url, Limits(attempts=2))
    assert server.connections == connections


def test_no_attempt_begins_behind_the_limit_of_all_together() -> None:
    with RawServer([b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"]) as server:
        refused(server.url, Limits(attempts=100, first_wait=3.0, total=2.0))
    assert server.connections == 2


def test_an_error_of_ours_is_no_fault_of_the_server() -> None:
    with (
        pytest.raises(OSError, match="the disk is full"),
        RawServer([HEAD, b"body"]) as server,
        transport.opened(server.url, ONCE),
    ):
        raise OSError("the disk is full")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(" 120 ", 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("9" * 5000, None)],
)
def test_a_retry_after_header_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert transport.retry_after(value) == seconds
