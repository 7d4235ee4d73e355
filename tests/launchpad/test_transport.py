from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httplib2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.launchpad.api.http import PatientRequest, _retry_after
from backport.launchpad.api.retry import Patience, UnansweredError
from tests.support.launchpad_server import Fault, StandIn

QUICK = Patience(first_wait=0.01)


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
def test_what_writes_is_sent_once(standin: StandIn, fault: Fault) -> None:
    standin.faults.add(fault)
    connection = httplib2.Http()
    request = PatientRequest(connection, QUICK)
    request(f"{standin.base}ubuntu")
    with pytest.raises(UnansweredError):
        request(
            f"{standin.base}ubuntu/xenial",
            method="PATCH",
            body="{}",
            headers={"Authorization": 'OAuth oauth_token="x"'},
        )
    assert standin.requests == ["GET /devel/ubuntu", "PATCH /devel/ubuntu/xenial"]
    connection.close()


def test_the_total_time_is_a_bound_of_its_own(standin: StandIn) -> None:
    standin.faults.add(Fault("status", on="GET", status=503))
    connection = httplib2.Http()
    request = PatientRequest(connection, Patience(attempts=100, first_wait=3.0, total=2.0))
    with pytest.raises(UnansweredError, match="answered 503"):
        request(f"{standin.base}ubuntu")
    assert len(standin.requests) == 1
    connection.close()


@pytest.mark.parametrize("as_date", [False, True])
def test_the_wait_that_the_server_asks_for_is_kept(standin: StandIn, as_date: bool) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    headers = {"Retry-After": soon if as_date else "600"}
    standin.faults.add(Fault("status", on="GET", status=429, headers=headers))
    waits: list[float] = []
    connection = httplib2.Http()
    patience = Patience(first_wait=1.0, longest_wait=1000.0, total=1000.0)
    request = PatientRequest(connection, patience, sleep=waits.append)
    response, _ = request(f"{standin.base}ubuntu")
    assert response.status == 200
    (wait,) = waits
    assert wait == 600 or (as_date and 1 < wait < 600)
    connection.close()


def test_the_waits_double(standin: StandIn) -> None:
    standin.faults.add(Fault("status", on="GET", times=3))
    waits: list[float] = []
    connection = httplib2.Http()
    request = PatientRequest(connection, Patience(first_wait=1.0), sleep=waits.append)
    request(f"{standin.base}ubuntu")
    assert waits == [1.0, 2.0, 4.0]
    connection.close()


@given(st.text())
def test_any_retry_after_header_is_read_without_an_error(value: str) -> None:
    found = _retry_after(value)
    assert found is None or found >= 0


def test_a_retry_after_in_seconds_is_taken_as_it_is() -> None:
    assert _retry_after(" 120 ") == 120
    assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert _retry_after("soon") is None
