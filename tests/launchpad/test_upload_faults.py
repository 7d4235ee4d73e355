"""What goes wrong on the way: one sentence, the exit code, and the next call goes on."""

from __future__ import annotations

import socket
import struct
import threading
from functools import partial

import pytest

from backport.transport import Limits
from tests.support.launchpad_server import Fault, StandIn
from tests.support.upload_server import FtpServer
from tests.support.upload_server.case import Case

VERSION = "1.0-1ubuntu0.1"
THERE = [("greeter", "noble", f"{VERSION}~ppa1")]


def one_sentence(err: str) -> str:
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("backport: ")
    return lines[0]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits, so that a test of their end takes less than a second."""
    limits = partial(
        Limits, connect=2.0, silence=2.0, attempts=2, first_wait=0.01, longest_wait=2.0, total=5.0
    )
    monkeypatch.setattr("backport.launchpad.api.client.Limits", limits)


def goes_on(case: Case) -> None:
    """The next call sends what is missing, and it arrives once."""
    again = case.upload()
    assert again.exit_code == 0, again.out + again.err
    assert case.in_ppa() == THERE
    assert case.ppas.mails == []


def test_an_upload_cut_after_half_a_file_is_sent_again(case: Case) -> None:
    case.ready()
    case.intake.cut = "orig"

    ran = case.upload()

    assert ran.exit_code == 6
    said = one_sentence(ran.err)
    assert f"noble/greeter {VERSION}~ppa1 was not sent: 127.0.0.1" in said
    assert "orig.tar.gz" in said
    assert case.records()[0]["state"] == "broken"
    goes_on(case)


def test_an_upload_cut_in_its_last_file_is_looked_for_first(case: Case) -> None:
    case.ready()
    case.intake.cut = ".changes"
    assert case.upload("--minutes", "0.01").exit_code == 6
    assert case.records()[0]["state"] == "sending"

    again = case.upload("--minutes", "0.05")

    assert [event["event"] for event in again.events] == [
        "plan", "looks", "sends", "accepted", "uploaded",
    ]  # fmt: skip
    assert case.in_ppa() == THERE


def test_an_upload_that_arrived_though_it_seemed_broken_is_not_sent_twice(case: Case) -> None:
    case.ready()
    case.intake.cut = ".changes"
    assert case.upload("--minutes", "0.01").exit_code == 6
    # What the record says holds for a program that was killed after the last byte, too.
    state, sessions = case.records()[0], len(case.intake.sessions)
    assert state["state"] == "sending"
    folder = case.work / "uploads" / f"noble_greeter_{VERSION}~ppa1"
    case.intake.ended(_as_sent(folder, case))

    again = case.upload()

    assert again.exit_code == 0, again.err
    assert again.item("noble/greeter")["action"] == "is there"
    assert len(case.intake.sessions) == sessions + 1
    assert case.in_ppa() == THERE


def _as_sent(folder, case: Case):  # type: ignore[no-untyped-def]
    place = case.home / "session" / "~tester/ubuntu/greetings"
    place.mkdir(parents=True)
    for path in folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    return case.home / "session"


def test_a_refused_connection_leaves_it_to_the_next_call(case: Case) -> None:
    case.ready()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    case.monkeypatch.setenv("BACKPORT_UPLOAD_SERVER", f"ftp://127.0.0.1:{port}")

    ran = case.upload()

    assert ran.exit_code == 6
    assert "127.0.0.1 refused the connection" in one_sentence(ran.err)
    with FtpServer(case.intake, port=port):
        goes_on(case)


@pytest.mark.parametrize(
    ("resets", "said"),
    [(False, "127.0.0.1 did not take it within 2 s"), (True, "127.0.0.1 broke off the connection")],
)
def test_a_server_that_is_silent_or_resets_leaves_it_to_the_next_call(
    case: Case, resets: bool, said: str
) -> None:
    case.ready()
    case.monkeypatch.setattr("backport.launchpad.upload.send.Waiting.transfer", 2.0)
    met: list[socket.socket] = []

    def meet(server: socket.socket) -> None:
        connection, _ = server.accept()
        met.append(connection)
        if resets:
            # A linger time of zero makes close() send RST (socket(7), SO_LINGER).
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=meet, args=(server,))
        thread.start()
        port = server.getsockname()[1]
        case.monkeypatch.setenv("BACKPORT_UPLOAD_SERVER", f"ftp://127.0.0.1:{port}")
        ran = case.upload()
        thread.join()
    for one in met:
        one.close()

    assert ran.exit_code == 6
    assert said in one_sentence(ran.err)
    assert case.records()[0]["state"] == "broken"
    case.monkeypatch.setattr("backport.launchpad.upload.send.Waiting.transfer", 1800.0)
    case.monkeypatch.setenv("BACKPORT_UPLOAD_SERVER", case.ftp.address)
    goes_on(case)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("452 Insufficient storage space.", "Insufficient storage space"),
        ("553 File exists.", "keeps an older file of that name"),
    ],
)
def test_a_server_that_refuses_a_file_is_named_with_its_reason(
    case: Case, answer: str, said: str
) -> None:
    case.ready()
    case.ftp.fail_with = answer

    ran = case.upload()

    assert ran.exit_code == 6
    assert said in one_sentence(ran.err)
    case.ftp.fail_with = ""
    goes_on(case)


def test_a_passing_550_before_the_changes_is_tried_again(case: Case) -> None:
    case.ready()
    case.ftp.fail_with, case.ftp.failures = "550 Requested action not taken.", 2

    ran = case.upload()

    assert ran.exit_code == 0, ran.err
    assert [event["event"] for event in ran.events].count("repeats") == 2
    assert case.in_ppa() == THERE


def test_a_550_that_stays_is_tried_so_often_as_is_said(case: Case) -> None:
    case.ready()
    case.ftp.fail_with = "550 Requested action not taken."

    ran = case.upload()

    assert "550 Requested action not taken" in one_sentence(ran.err)
    assert len(case.intake.sessions) == 3
    assert case.records()[0]["state"] == "broken"
    case.ftp.fail_with = ""
    goes_on(case)


def test_a_rejection_in_the_queue_is_told_and_the_next_call_takes_the_next_number(
    case: Case,
) -> None:
    case.ready()
    case.ppas.refuse, case.ppas.records_rejections = "it is Friday", True

    ran = case.upload()

    assert ran.exit_code == 6
    assert f"Launchpad has rejected {VERSION}~ppa1" in one_sentence(ran.err)
    assert case.records()[0]["state"] == "rejected"
    case.ppas.refuse = ""
    again = case.upload()
    assert again.exit_code == 0, again.err
    assert case.in_ppa() == [("greeter", "noble", f"{VERSION}~ppa2")]


def test_a_rejection_by_mail_alone_is_waited_for_and_then_said_by_the_user(case: Case) -> None:
    case.ready()
    case.ppas.refuse = "it is Friday"

    ran = case.upload("--minutes", "0.01")
    looked = case.upload("--minutes", "0.01")
    case.ppas.refuse = ""
    dry = case.upload("--dry-run", "--rejected", "noble/greeter")
    again = case.upload("--rejected", "noble/greeter")

    assert (dry.exit_code, dry.item("noble/greeter")["version"]) == (0, f"{VERSION}~ppa2")
    assert (ran.exit_code, looked.exit_code) == (6, 6)
    assert "run: backport upload --rejected noble/greeter" in one_sentence(ran.err)
    assert case.sent(".changes") == 2, "the second call only looked"
    assert again.exit_code == 0, again.err
    assert case.in_ppa() == [("greeter", "noble", f"{VERSION}~ppa2")]


def test_an_upload_whose_signature_cannot_be_verified_leaves_no_mail_and_is_told(
    case: Case,
) -> None:
    case.ready()
    case.intake.verifies = False

    ran = case.upload("--minutes", "0.01")

    assert ran.exit_code == 6
    assert (len(case.ppas.dropped), case.ppas.mails, case.in_ppa()) == (1, [], [])
    assert "could not verify the signature and dropped it: check that the key" in ran.err
    case.intake.verifies = True
    assert case.upload("--rejected", "noble/greeter").exit_code == 0
    assert case.in_ppa() == [("greeter", "noble", f"{VERSION}~ppa2")]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", "getPublishedSources", times=-1, status=500), "answered 500"),
        (Fault("status", "getPublishedSources", times=-1, status=502), "answered 502"),
        (Fault("status", "getPublishedSources", times=-1, status=503), "answered 503"),
        (Fault("status", "getPackageUploads", times=-1, status=504), "answered 504"),
        (
            Fault("status", "gpg_keys", times=-1, status=429, headers={"Retry-After": "900"}),
            "asks to wait 900 s",
        ),
        (Fault("html", "getPublishedSources", times=-1), "a web page instead of data"),
        (Fault("short", "getPublishedSources", times=-1), "JSON that ends early"),
        (Fault("truncated", "getPublishedSources", times=-1), "broke off the connection"),
        (Fault("reset", "getPackageUploads", times=-1), "broke off the connection"),
        (Fault("slow", "getPackageUploads", times=-1, seconds=2.5), "did not answer in time"),
        (Fault("status", "getPublishedSources", times=-1, status=404, body="gone"), "(404)"),
    ],
    ids=lambda value: value.kind + str(value.status) if isinstance(value, Fault) else "",
)
def test_a_launchpad_that_stays_broken_is_one_sentence_and_nothing_is_sent(
    case: Case, fault: Fault, said: str
) -> None:
    case.ready()
    case.standin.faults.add(fault)

    ran = case.upload()

    assert ran.exit_code == 6, ran.out + ran.err
    assert said in one_sentence(ran.err)
    assert case.intake.sessions == []
    fault.times = 0
    goes_on(case)


@pytest.mark.usefixtures("quick")
def test_a_launchpad_that_is_broken_for_a_moment_is_asked_again(case: Case) -> None:
    case.ready()
    case.standin.faults.add(
        Fault("status", "getPublishedSources", status=503),
        Fault("status", "getPackageUploads", status=429, headers={"Retry-After": "1"}),
        Fault("reset", "gpg_keys"),
        Fault("html", "checkUpload"),
    )

    goes_on(case)


def test_a_token_that_is_refused_is_told_without_it(case: Case) -> None:
    case.ready()
    case.world.tokens = set()

    ran = case.upload()

    assert ran.exit_code == 6
    said = one_sentence(ran.err)
    assert "does not accept the login kept in" in said
    assert "token-of" not in said
    case.world.tokens = None
    goes_on(case)


def test_a_launchpad_that_cannot_be_reached_is_one_sentence(case: Case) -> None:
    case.ready()
    with StandIn(case.world) as gone:
        pass
    case.monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", gone.root)

    ran = case.upload()

    assert ran.exit_code == 6
    assert "the connection is refused" in one_sentence(ran.err)
