"""What goes wrong on the way: one sentence, the exit code, and the next call goes on."""

from __future__ import annotations

import socket
from functools import partial

import pytest

from backport.transport import Limits
from tests.support.launchpad_server import Fault
from tests.support.upload_server.case import Case

VERSION = "1.0-1ubuntu0.1"
FIRST, SECOND = (("greeter", "noble", f"{VERSION}~ppa{number}") for number in (1, 2))


def one_sentence(err: str) -> str:
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("backport: ")
    return lines[0]


def goes_on(case: Case) -> None:
    """The next call sends what is missing, and it arrives once."""
    again = case.upload()
    assert again.exit_code == 0, again.out + again.err
    assert case.in_ppa() == [FIRST]
    assert case.ppas.mails == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("cut", "127.0.0.1 did not take greeter_1.0.orig.tar.gz: "),
        ("553 File exists.", ": 553 File exists"),
        ("nobody listens", "Connection refused"),
        ("silence", "127.0.0.1 did not take it within 2 s"),
    ],
)
def test_a_transfer_that_ends_before_the_changes_is_made_again_by_the_next_call(
    case: Case, fault: str, message: str
) -> None:
    case.ready()
    case.intake.cut = "orig" if fault == "cut" else ""
    case.ftp.fail_with = fault if fault.startswith("553") else ""

    with case.monkeypatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as silent:
        if fault == "nobody listens":
            patch.setenv("BACKPORT_UPLOAD_SERVER", "ftp://127.0.0.1:9")
        if fault == "silence":
            patch.setenv("BACKPORT_UPLOAD_SERVER", f"ftp://127.0.0.1:{silent.getsockname()[1]}")
            patch.setattr("backport.launchpad.upload.send.TRANSFER", 2.0)
        ran = case.upload()
    case.ftp.fail_with = ""

    assert ran.exit_code == 6
    sentence = one_sentence(ran.err)
    assert f"noble/greeter {VERSION}~ppa1 was not sent: 127.0.0.1 did not take" in sentence
    assert message in sentence
    assert case.records()[0]["state"] == "broken"
    goes_on(case)


@pytest.mark.parametrize(
    ("file", "failures", "tries", "state"),
    [("", 2, 3, "accepted"), ("orig", -1, 3, "broken"), (".changes", -1, 1, "sending")],
)
def test_a_550_before_the_changes_is_tried_three_times(
    case: Case, file: str, failures: int, tries: int, state: str
) -> None:
    case.ready()
    case.ftp.fail_with, case.ftp.fail_in = "550 Requested action not taken.", file
    case.ftp.failures = failures

    ran = case.upload()

    assert (ran.exit_code, len(case.intake.sessions)) == (0 if state == "accepted" else 6, tries)
    assert [event["event"] for event in ran.events].count("repeats") == tries - 1
    assert case.records()[0]["state"] == state


@pytest.mark.parametrize("arrived", [False, True])
def test_an_upload_cut_in_its_last_file_is_looked_for_and_not_sent_twice(
    case: Case, arrived: bool
) -> None:
    case.ready()
    case.intake.cut = ".changes"
    assert case.upload("--minutes", "0.01").exit_code == 6
    # What the record says holds for a program that was killed after the last byte, too.
    assert case.records()[0]["state"] == "sending"
    if arrived:
        place = case.home / "session" / "~tester/ubuntu/greetings"
        place.mkdir(parents=True)
        for path in (case.work / "uploads" / f"noble_greeter_{VERSION}~ppa1").iterdir():
            (place / path.name).write_bytes(path.read_bytes())
        case.intake.ended(case.home / "session")
    sessions = len(case.intake.sessions)

    again = case.upload("--minutes", "0.05")

    assert again.exit_code == 0, again.err
    kinds = [event["event"] for event in again.events]
    if arrived:
        assert again.item("noble/greeter")["action"] == "is there"
        assert len(case.intake.sessions) == sessions
    else:
        assert kinds == ["plan", "looks", "sends", "accepted", "uploaded"]
    assert case.in_ppa() == [FIRST]


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
    assert case.in_ppa() == [SECOND]


@pytest.mark.parametrize("by_mail", [True, False], ids=["by mail", "without a word"])
def test_an_upload_that_launchpad_never_shows_is_waited_for_and_then_given_up_by_the_user(
    case: Case, by_mail: bool
) -> None:
    case.ready()
    case.ppas.refuse = "it is Friday" if by_mail else ""
    case.intake.verifies = by_mail

    ran = case.upload("--minutes", "0.01")
    looked = case.upload("--minutes", "0.01")
    case.ppas.refuse, case.intake.verifies = "", True
    dry = case.upload("--dry-run", "--rejected", "noble/greeter")
    again = case.upload("--rejected", "noble/greeter")

    assert (len(case.ppas.mails), len(case.ppas.dropped)) == (int(by_mail), int(not by_mail))
    assert (ran.exit_code, looked.exit_code) == (6, 6)
    sentence = one_sentence(ran.err)
    assert "could not verify the signature and dropped it: check that the key" in sentence
    assert "run: backport upload --rejected noble/greeter" in sentence
    assert case.sent(".changes") == 2, "the second call only looked"
    assert (dry.exit_code, dry.item("noble/greeter")["version"]) == (0, f"{VERSION}~ppa2")
    assert again.exit_code == 0, again.err
    assert case.in_ppa() == [SECOND]


def test_a_launchpad_that_stays_broken_is_one_sentence_and_nothing_is_sent(case: Case) -> None:
    quick = partial(Limits, attempts=2, first_wait=0.01)
    case.monkeypatch.setattr("backport.launchpad.api.client.Limits", quick)
    case.ready()
    # The last one asked comes first: the answers that are kept by then are not good enough.
    for question, status in (
        ("checkUpload", 503),
        ("getPackageUploads", 503),
        ("getPublishedSources", 404),
        ("gpg_keys", 503),
    ):
        case.standin.faults.add(Fault("status", question, status=status, times=-1))
        ran = case.upload()
        case.standin.faults.clear()

        assert ran.exit_code == 6, ran.out + ran.err
        assert str(status) in one_sentence(ran.err)
        assert case.intake.sessions == []
    goes_on(case)
