from __future__ import annotations

import hashlib
import socket
from dataclasses import replace

import pytest

from backport.errors import RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.environment import reach, service_root
from backport.transport import Limits, UnansweredError
from tests.launchpad.conftest import MakeClient
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.raw_server import RawServer

SOURCES = "GET .*getPublishedSources"


def versions(client: LaunchpadlibClient, series: str = "zesty") -> list[str]:
    return [source.version for source in client.published_sources("hello-sru", series)]


def test_the_files_come_with_name_hash_and_address(
    client: LaunchpadlibClient, world: World
) -> None:
    content = b"the file"
    world.publish("bionic", "filed", "1:2+x~3-1", files={"filed_2+x~3-1.dsc": content})
    (record,) = client.published_sources("filed", "bionic")
    (file,) = client.source_files(record)
    assert file.name == "filed_2+x~3-1.dsc"
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert "/+sourcefiles/filed/" in file.url


def test_what_has_to_listen_is_the_proxy_where_one_is_asked(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for proxy, root in ((standin.root, "http://lp.invalid/"), ("http://[::1]:9", standin.root)):
        monkeypatch.setenv("http_proxy", proxy)
        reach(root, Limits())
    for proxy in ("http://127.0.0.1:9", "http://127.0.0.1:no"):
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(UnansweredError):
            reach("http://lp.invalid/", Limits())


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault("status", status=status) for status in (429, 500, 502, 503, 504)),
        *(Fault(kind) for kind in ("reset", "close", "truncated", "short", "html")),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_read_is_repeated_after_a_passing_fault(
    client: LaunchpadlibClient, standin: StandIn, fault: Fault
) -> None:
    standin.faults.add(replace(fault, on="GET /devel/$"), replace(fault, on=SOURCES, times=2))
    assert versions(client) == ["1.2-1"]


def test_every_page_is_read_though_one_has_to_be_asked_for_again(
    client: LaunchpadlibClient, standin: StandIn, world: World
) -> None:
    for number in range(5):
        world.publish("bionic", "hello-sru", f"2.{number}-1")
    standin.page_size = 2
    standin.faults.add(
        Fault("status", on="ws.start=2", status=502), Fault("reset", on="ws.start=4")
    )
    assert versions(client, "bionic") == [f"2.{number}-1" for number in reversed(range(5))]


def test_a_fault_that_stays_is_met_four_times_and_the_next_question_is_asked(
    client: LaunchpadlibClient, standin: StandIn
) -> None:
    standin.faults.add(Fault("status", on=SOURCES, status=503, times=4))
    message = (
        "the publications of hello-sru in ubuntu zesty cannot be read, .* answered 503 .* 4 times"
    )
    with pytest.raises(RemoteError, match=message):
        versions(client)
    asked = [request for request in standin.requests if "getPublishedSources" in request]
    assert len(asked) == 4, "launchpadlib must not repeat on top of ours"
    assert versions(client) == ["1.2-1"]


def test_half_an_answer_with_a_good_etag_is_not_kept(
    client: LaunchpadlibClient, standin: StandIn
) -> None:
    standin.faults.add(Fault("short", on=r"GET /devel/ubuntu/\+archive/primary$"))
    assert versions(client) == ["1.2-1"]


def test_a_server_that_accepts_and_never_answers_is_given_up(make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = make_client(
            root=f"http://127.0.0.1:{port}/",
            limits=Limits(silence=0.2, attempts=2, first_wait=0.01),
        )
        with pytest.raises(RemoteError, match="did not answer in time, 2 times"):
            client.series_status("xenial")


def test_a_compressed_answer_could_fill_the_memory_and_is_given_up(make_client: MakeClient) -> None:
    with RawServer([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b"]) as server:
        client = make_client(root=server.url, limits=Limits(attempts=1))
        with pytest.raises(RemoteError, match="compressed answer"):
            client.series_status("xenial")


def test_a_name_that_does_not_exist_is_said(make_client: MakeClient) -> None:
    client = make_client(root="http://launchpad.invalid/")
    with pytest.raises(RemoteError, match=r"its name is not known here|no answer within"):
        client.series_status("xenial")


def test_the_service_root_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for named, root in (
        ("", "https://api.launchpad.net/"),
        ("https://lp.example/devel/", "https://lp.example/"),
        ("https://lp.example/api", "https://lp.example/api/"),
    ):
        monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", named)
        assert service_root() == root
    with pytest.raises(UsageError, match="'staging' is no service root"):
        service_root("staging")
