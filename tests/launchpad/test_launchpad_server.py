"""The stand-in answers the unmodified launchpadlib as Launchpad does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from launchpadlib.credentials import AccessToken, Consumer, Credentials
from launchpadlib.launchpad import Launchpad
from lazr.restfulclient.errors import BadRequest, PreconditionFailed, Unauthorized

from tests.support.launchpad_server import Fault, StandIn, World


def anonymous(standin: StandIn, folder: Path) -> Launchpad:
    return Launchpad.login_anonymously(
        "tests", service_root=standin.root, launchpadlib_dir=str(folder), version="devel"
    )


def logged_in(standin: StandIn) -> Launchpad:
    credentials = Credentials("tests")
    credentials.consumer = Consumer("tests")
    credentials.access_token = AccessToken("token", "secret")
    return Launchpad(credentials, None, None, service_root=standin.root, version="devel")


def close(launchpad: Launchpad) -> None:
    launchpad._browser._connection.close()


def test_it_says_that_it_is_a_stand_in(standin: StandIn) -> None:
    with urllib.request.urlopen(standin.base) as answer:
        assert "not Launchpad" in answer.headers["X-Stand-In"]
        assert answer.headers["Server"].startswith("LaunchpadStandIn/")


def test_launchpadlib_walks_from_the_root_to_a_file(
    standin: StandIn, world: World, tmp_path: Path
) -> None:
    record = world.publish("bionic", "walked", "3-1", files={"walked_3-1.dsc": b"content"})
    launchpad = anonymous(standin, tmp_path)
    ubuntu = launchpad.distributions["ubuntu"]
    bionic = ubuntu.getSeries(name_or_version="18.04")
    assert (bionic.name, bionic.status) == ("bionic", "Supported")
    assert [series.name for series in ubuntu.series] == ["xenial", "yakkety", "zesty", "bionic"]
    found = ubuntu.main_archive.getPublishedSources(
        source_name="walked", exact_match=True, distro_series=bionic, pocket="Release"
    )
    assert [one.self_link for one in found] == [standin.link(record.path)]
    assert found[0].date_published.isoformat() == "2017-01-27T10:00:00+00:00"
    (url,) = found[0].sourceFileUrls()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"content"
        assert "/librarian/" in answer.url
    close(launchpad)


def test_an_entry_that_did_not_change_is_not_sent_again(standin: StandIn) -> None:
    with urllib.request.urlopen(f"{standin.base}ubuntu/xenial") as answer:
        data = json.load(answer)
        assert answer.headers["ETag"] == data["http_etag"]
    request = urllib.request.Request(
        f"{standin.base}ubuntu/xenial", headers={"If-None-Match": data["http_etag"]}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 304
    caught.value.close()


def test_a_change_needs_a_login_and_the_newest_etag(
    standin: StandIn, world: World, tmp_path: Path
) -> None:
    stranger = anonymous(standin, tmp_path)
    xenial = stranger.load("ubuntu/xenial")
    xenial.status = "Obsolete"
    with pytest.raises(Unauthorized):
        xenial.lp_save()
    close(stranger)

    first, second = logged_in(standin), logged_in(standin)
    mine, theirs = first.load("ubuntu/xenial"), second.load("ubuntu/xenial")
    mine.status = "Obsolete"
    mine.lp_save()
    assert world.entries["/ubuntu/xenial"].values["status"] == "Obsolete"
    theirs.status = "Future"
    with pytest.raises(PreconditionFailed):
        theirs.lp_save()
    assert world.entries["/ubuntu/xenial"].values["status"] == "Obsolete"
    mine.status = "Current Stable Release"
    mine.lp_save()
    mine.suite_names = "x"
    with pytest.raises(BadRequest):
        mine.lp_save()
    close(first)
    close(second)


def test_a_planned_fault_that_nobody_meets_is_seen() -> None:
    with StandIn(World()) as standin:
        standin.faults.add(Fault("status", on="GET /nowhere"))
        assert len(standin.faults.left()) == 1
