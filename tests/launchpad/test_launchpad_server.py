"""The stand-in refuses the unmodified launchpadlib what Launchpad refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from launchpadlib.credentials import AccessToken, Consumer, Credentials
from launchpadlib.launchpad import Launchpad
from lazr.restfulclient.errors import BadRequest, PreconditionFailed, Unauthorized

from tests.support.launchpad_server import Fault, StandIn, World


def logged_in(standin: StandIn) -> Launchpad:
    credentials = Credentials("tests")
    credentials.consumer = Consumer("tests")
    credentials.access_token = AccessToken("token", "secret")
    return Launchpad(credentials, None, None, service_root=standin.root, version="devel")


def test_a_change_needs_a_login_and_the_newest_etag(
    standin: StandIn, world: World, tmp_path: Path
) -> None:
    stranger = Launchpad.login_anonymously(
        "tests", service_root=standin.root, launchpadlib_dir=str(tmp_path), version="devel"
    )
    xenial = stranger.load("ubuntu/xenial")
    xenial.status = "Obsolete"
    with pytest.raises(Unauthorized):
        xenial.lp_save()

    first, second = logged_in(standin), logged_in(standin)
    mine, theirs = first.load("ubuntu/xenial"), second.load("ubuntu/xenial")
    mine.status = "Obsolete"
    mine.lp_save()
    theirs.status = "Future"
    with pytest.raises(PreconditionFailed):
        theirs.lp_save()
    assert world.entries["/ubuntu/xenial"].values["status"] == "Obsolete"
    mine.suite_names = "x"
    with pytest.raises(BadRequest):
        mine.lp_save()
    for launchpad in (stranger, first, second):
        launchpad._browser._connection.close()


def test_a_planned_fault_that_nobody_meets_is_seen() -> None:
    with StandIn(World()) as standin:
        standin.faults.add(Fault("status", on="GET /nowhere"))
        assert len(standin.faults.left()) == 1
