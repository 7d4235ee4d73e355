"""launchpadlib's connection within limits: what reads is repeated, what writes is sent once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import httplib2
import pytest

from backport.launchpad.api.http import LimitedRequest
from backport.transport import Limits, UnansweredError
from tests.support.launchpad_server import Fault, StandIn
from tests.support.raw_server import RawServer

QUICK = Limits(first_wait=0.01)


@pytest.fixture
def connection() -> Iterator[httplib2.Http]:
    with closing(httplib2.Http()) as made:
        yield made


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", on="PATCH", status=503, times=1),
        Fault("status", on="PATCH", status=502, times=1, after=True),
        Fault("reset", on="PATCH", times=1),
        Fault("close", on="PATCH", times=1),
        Fault("truncated", on="PATCH", times=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_what_writes_is_sent_once(
    standin: StandIn, connection: httplib2.Http, fault: Fault
) -> None:
    standin.faults.add(fault)
    request = LimitedRequest(connection, QUICK)
    request(f"{standin.base}ubuntu")
    with pytest.raises(UnansweredError):
        request(
            f"{standin.base}ubuntu/xenial",
            method="PATCH",
            body="{}",
            headers={"Authorization": 'OAuth oauth_token="x"'},
        )
    assert standin.requests == ["GET /devel/ubuntu", "PATCH /devel/ubuntu/xenial"]


def test_the_total_time_is_a_limit_of_its_own(standin: StandIn, connection: httplib2.Http) -> None:
    standin.faults.add(Fault("status", on="GET", status=503, times=2))
    request = LimitedRequest(connection, Limits(attempts=100, first_wait=3.0, total=2.0))
    with pytest.raises(UnansweredError, match="answered 503 Service Unavailable, 2 times"):
        request(f"{standin.base}ubuntu")
    assert len(standin.requests) == 2


def test_a_compressed_answer_could_fill_the_memory_and_is_given_up(
    connection: httplib2.Http,
) -> None:
    with RawServer([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b"]) as server:
        request = LimitedRequest(connection, Limits(attempts=1))
        with pytest.raises(UnansweredError, match="compressed answer"):
            request(server.url)
