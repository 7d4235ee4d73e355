"""Uploads from the command line to real servers on loopback, with the real gpg and dput."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from debian.deb822 import Changes

from tests.support.launchpad_server.world_ppa import Arrived
from tests.support.upload_server import SftpServer
from tests.support.upload_server.case import ARCHIVE, Case

VERSION = "1.0-1ubuntu0.1"
THERE = ("greeter", "noble", f"{VERSION}~ppa1")


def test_an_upload_arrives_signed_and_in_the_ppa(case: Case) -> None:
    case.ready()

    ran = case.upload()

    assert ran.exit_code == 0, ran.out + ran.err
    assert case.in_ppa() == [THERE]
    assert case.ppas.mails == []
    (record,) = case.records()
    assert (record["version"], record["state"]) == (f"{VERSION}~ppa1", "accepted")
    assert (record["signer"], record["account"]) == (case.fingerprint, "tester")
    assert {name.rpartition(".")[2] for name in record["files"]} == {"dsc", "changes", "gz", "xz"}
    assert set(record["steps"].values()) == {"passed"}
    assert set(record["times"]) == {"signed", "sending", "sent", "accepted"}


def test_what_is_sent_is_signed_names_the_bug_and_differs_in_the_version_alone(case: Case) -> None:
    case.ready()
    assert case.upload().exit_code == 0
    folder = case.work / "uploads" / f"noble_greeter_{VERSION}~ppa1"
    (own,) = (case.work / "source/noble/greeter").glob("*.dsc")

    for path in (*folder.glob("*.dsc"), *folder.glob("*.changes")):
        done = subprocess.run(
            ["gpg", "--batch", "--status-fd", "1", "--verify", path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"VALIDSIG {case.fingerprint}" in done.stdout
    changes = Changes((folder / f"greeter_{VERSION}~ppa1_source.changes").read_bytes())
    diff = subprocess.run(
        ["debdiff", "--no-conf", "--quiet", own, folder / f"greeter_{VERSION}~ppa1.dsc"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout

    assert changes["Launchpad-Bugs-Fixed"] == "2100000"
    assert changes["Distribution"] == "noble"
    changed = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in "---+++"]
    assert changed == [
        f"-greeter ({VERSION}) noble; urgency=medium",
        f"+greeter ({VERSION}~ppa1) noble; urgency=medium",
    ]


def test_the_next_call_finds_it_there_by_its_content_and_sends_nothing(case: Case) -> None:
    case.ready()
    assert case.upload().exit_code == 0

    ran = case.upload()
    shutil.rmtree(case.work / "uploads")
    elsewhere = case.upload()

    assert (ran.exit_code, ran.item("noble/greeter")["action"]) == (0, "is there")
    assert elsewhere.item("noble/greeter")["action"] == "is there"
    assert case.sent(".changes") == 1


def test_a_dry_run_prints_the_same_plan_and_neither_signs_nor_sends(case: Case) -> None:
    case.ready()

    dry = case.upload("--dry-run")
    real = case.upload()

    assert dry.plan == real.plan
    assert [event["event"] for event in dry.events] == ["plan"]
    assert case.sent("") == 1
    assert dry.item("noble/greeter")["action"] == "upload"


def test_the_plan_is_readable_on_a_terminal(case: Case) -> None:
    case.ready()

    ran = case.run("upload", "--dry-run")

    assert "to ppa:tester/greetings through ftp://127.0.0.1:" in ran.out
    assert f"1. noble/greeter {VERSION}~ppa1: upload" in ran.out
    assert "ok  tests: the build and all" in ran.out
    assert "ran on the stand-in base, not on Ubuntu's archive" in ran.out


def test_a_source_waits_until_what_it_needs_is_published(case: Case) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    case.ppas.steps = 3
    case.ready()

    ran = case.upload()

    assert ran.exit_code == 0, ran.out + ran.err
    assert [source for source, _, _ in case.in_ppa()] == ["helper", "greeter"]
    assert [one["source"] for one in ran.plan["items"]] == ["helper", "greeter"]
    waited = [event["detail"] for event in ran.events if event["event"] == "waits"]
    assert waited[0] == f"noble/helper {VERSION}~ppa1: amd64 queued"


def test_a_need_that_does_not_build_stops_the_upload_that_waits(case: Case) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    case.ppas.builds = {"helper": "Failed to build"}
    case.ready()

    ran = case.upload()

    assert ran.exit_code == 4
    assert "it cannot be published (amd64: Failed to build)" in ran.err
    assert [source for source, _, _ in case.in_ppa()] == ["helper"]


def test_a_need_that_fails_for_the_farms_sake_is_started_again_as_wait_does(case: Case) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    case.ppas.builds = {"helper": "Chroot problem"}
    case.ready()

    def mended() -> None:
        for job in case.ppas.farm.jobs:
            if job.retries:
                job.scripts = [((0.0, "Successfully built"),)]

    case.world.before.insert(0, mended)

    ran = case.upload()

    assert ran.exit_code == 0, ran.err
    assert [job.retries for job in case.ppas.farm.jobs] == [1, 0]
    assert [source for source, _, _ in case.in_ppa()] == ["helper", "greeter"]


def test_a_need_that_is_never_published_ends_the_wait(case: Case) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    case.ppas.steps = 1_000_000
    case.ready()

    ran = case.upload("--minutes", "0.01")

    assert ran.exit_code == 6
    assert "noble/greeter still waits" in ran.err
    case.ppas.farm.now = 1_000_000.0
    assert case.upload().exit_code == 0
    assert [source for source, _, _ in case.in_ppa()] == ["helper", "greeter"]
    assert case.sent("helper") == 1


@pytest.mark.parametrize("status", ["Deleted", "Superseded", "Published", "Rejected"])
def test_a_version_that_was_ever_used_with_other_content_is_burned(case: Case, status: str) -> None:
    case.ready()
    old = Arrived("greeter", f"{VERSION}~ppa4", "noble", case.fingerprint, {"x": b"x"}, ())
    if status == "Rejected":
        case.ppas.reject_later(ARCHIVE, old)
    else:
        case.ppas.publish(ARCHIVE, old, status=status)

    ran = case.upload()

    assert ran.exit_code == 0, ran.err
    assert case.in_ppa()[-1] == ("greeter", "noble", f"{VERSION}~ppa5")


def test_an_ended_series_is_skipped_and_the_others_go_on(case: Case) -> None:
    case.series = ("noble", "yakkety")
    case.ready()

    ran = case.upload()

    assert ran.exit_code == 0, ran.err
    skipped = ran.item("yakkety/greeter")
    assert skipped["action"] == "skipped"
    assert "leave the series out of the update" in skipped["reason"]
    # The form for several series.
    assert case.in_ppa() == [("greeter", "noble", "1.0-1ubuntu0.24.04.1~ppa1")]


def test_an_ended_series_is_uploaded_to_a_ppa_that_permits_it(case: Case) -> None:
    case.series = ("yakkety",)
    case.ready()
    case.world.entries[ARCHIVE].values["permit_obsolete_series_uploads"] = True

    ran = case.upload()

    assert ran.exit_code == 0, ran.out + ran.err
    assert ran.item("yakkety/greeter")["action"] == "upload"
    assert case.in_ppa() == [("greeter", "yakkety", f"{VERSION}~ppa1")]


def test_sftp_carries_it_as_the_account_and_again_after_a_break(case: Case) -> None:
    case.ready()
    with SftpServer(case.intake) as server:
        case.use_sftp(server)
        case.intake.cut = "orig"
        broken = case.upload()
        again = case.upload()

    assert broken.exit_code == 6
    assert "broke off the connection" in broken.err
    assert again.exit_code == 0, again.err
    assert case.in_ppa() == [THERE]
    assert {*server.users} == {"tester"}
    files = case.intake.sessions[-1]
    assert all(name.startswith("~tester/ubuntu/greetings/greeter_1.0") for name in files)


def test_sftp_with_a_host_key_that_is_not_known_is_refused(case: Case) -> None:
    case.ready()
    with SftpServer(case.intake) as server:
        case.use_sftp(server)
        case.monkeypatch.setenv(
            "BACKPORT_SSH_OPTIONS", f"IdentityFile={server.home}/id\nUserKnownHostsFile=/dev/null"
        )
        ran = case.upload()

    assert ran.exit_code == 6
    assert "shows a host key that is not known here" in ran.err
    assert case.sent(".changes") == 0
