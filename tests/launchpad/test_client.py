from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from backport.errors import RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.environment import service_root
from backport.launchpad.api.errors import RefusedError
from backport.launchpad.archive.publication import Publication
from backport.transport import Limits
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.raw_server import RawServer

MakeClient = Callable[..., LaunchpadlibClient]
SOURCES = "GET .*getPublishedSources"


def versions(client: LaunchpadlibClient, series: str = "zesty") -> list[str]:
    return [source.version for source in client.published_sources("hello-sru", series)]


def test_the_status_of_a_series_is_read_anew_each_time(
    client: LaunchpadlibClient, world: World
) -> None:
    assert client.series_status("xenial") == "Supported"
    world.entries["/ubuntu/xenial"].values["status"] = "Obsolete"
    assert client.series_status("xenial") == "Obsolete"


def test_a_record_holds_pocket_version_component_and_status(client: LaunchpadlibClient) -> None:
    newest, older = client.published_sources("hello-sru", "xenial")
    assert replace(newest, link="") == Publication(
        "ubuntu", "hello-sru", "1.0-1ubuntu0.1", "xenial", "Updates", "universe", "Published",
        "2017-01-27T10:00:00+00:00", "",
    )  # fmt: skip
    assert (newest.in_archive, older.in_archive) == (True, False)


def test_the_files_come_with_name_size_hash_and_address(
    client: LaunchpadlibClient, world: World
) -> None:
    content = b"the file"
    world.publish("bionic", "filed", "1:2+x~3-1", files={"filed_2+x~3-1.dsc": content})
    (record,) = client.published_sources("filed", "bionic")
    (file,) = client.source_files(record)
    assert (file.name, file.size) == ("filed_2+x~3-1.dsc", len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert "/+sourcefiles/filed/" in file.url


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


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", status=503), "answered 503"),
        (Fault("truncated"), "broke off the connection"),
        (Fault("short"), "ends early"),
        (Fault("html"), "a web page instead of data"),
    ],
)
def test_a_fault_that_stays_ends_in_one_sentence_and_the_next_question_is_asked(
    client: LaunchpadlibClient, standin: StandIn, fault: Fault, said: str
) -> None:
    standin.faults.add(replace(fault, on=SOURCES, times=4))
    with pytest.raises(RemoteError) as caught:
        versions(client)
    sentence = str(caught.value)
    assert said in sentence
    assert "4 times" in sentence
    assert "the publications of hello-sru in ubuntu zesty" in sentence
    assert standin.root in sentence
    assert "\n" not in sentence
    assert caught.value.exit_code == 6
    asked = [request for request in standin.requests if "getPublishedSources" in request]
    assert len(asked) == 4, "launchpadlib must not repeat on top of ours"
    assert versions(client) == ["1.2-1"]


def test_half_an_answer_with_a_good_etag_is_not_kept(
    client: LaunchpadlibClient, standin: StandIn
) -> None:
    standin.faults.add(Fault("short", on=r"GET /devel/ubuntu/\+archive/primary$"))
    assert versions(client) == ["1.2-1"]


@pytest.mark.parametrize(
    ("status", "said"),
    [(400, "answered 400"), (401, "refuses it"), (403, "refuses it"), (404, "does not know it")],
)
def test_a_refusal_is_final_and_names_what_was_asked(
    client: LaunchpadlibClient, standin: StandIn, status: int, said: str
) -> None:
    standin.faults.add(Fault("status", on=SOURCES, status=status, body="Not for you."))
    with pytest.raises(RefusedError) as caught:
        versions(client)
    assert said in str(caught.value)
    assert ("Not for you" in str(caught.value)) == (status != 404)
    assert "hello-sru" in str(caught.value)
    assert versions(client) == ["1.2-1"]


def test_a_port_where_nobody_listens_fails_once_and_is_remembered(
    make_client: MakeClient, world: World
) -> None:
    with StandIn(World()) as gone:
        pass
    client = make_client(root=gone.root)
    with pytest.raises(RemoteError, match="the connection is refused") as caught:
        client.series_status("xenial")
    assert "the status of the series xenial" in str(caught.value)
    with (
        StandIn(world, port=int(gone.root.rstrip("/").rpartition(":")[2])) as back,
        pytest.raises(RemoteError, match="the connection is refused"),
    ):
        client.series_status("xenial")
    assert back.requests == []


def test_a_server_that_accepts_and_never_answers_is_given_up(make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = make_client(
            root=f"http://127.0.0.1:{port}/",
            limits=Limits(silence=0.2, attempts=2, first_wait=0.01),
        )
        with pytest.raises(RemoteError, match="did not answer in time, 2 times"):
            client.series_status("xenial")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([b"<wadl:application>", b"<wadl:doc/>" * 1000, None], "sends more than the limit"),
        ([b"<", None], "did not answer in time"),
    ],
    ids=["endless", "a byte now and then"],
)
def test_a_description_of_the_service_without_an_end_is_given_up(
    make_client: MakeClient, sent: list[bytes | None], said: str
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.sun.wadl+xml\r\n\r\n"
    with RawServer([head, *sent], pause=0.0 if len(sent) > 2 else 0.05) as server:
        client = make_client(root=server.url, limits=Limits(total=2.0, size=1_000_000, attempts=1))
        with pytest.raises(RemoteError, match=said):
            client.series_status("xenial")


def test_a_name_that_does_not_exist_is_said(make_client: MakeClient) -> None:
    client = make_client(root="http://launchpad.invalid/")
    with pytest.raises(RemoteError, match=r"its name is not known here|no answer within"):
        client.series_status("xenial")


@pytest.mark.parametrize(
    ("named", "root"),
    [
        ("", "https://api.launchpad.net/"),
        ("https://lp.example/devel/", "https://lp.example/"),
        ("https://lp.example/api", "https://lp.example/api/"),
    ],
)
def test_the_service_root_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, named: str, root: str
) -> None:
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", named)
    assert service_root() == root


def test_a_wrong_service_root_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'staging' is no service root"):
        service_root("staging")
