"""Uploads from the command line to real servers on loopback, with the real gpg and dput."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from debian.deb822 import Changes

from tests.support.launchpad_server.world_ppa import Arrived
from tests.support.source_builder import BUG
from tests.support.upload_server import SftpServer
from tests.support.upload_server.case import ARCHIVE, SECRET, Case

VERSION = "1.0-1ubuntu0.1"
THERE = ("greeter", "noble", f"{VERSION}~ppa1")


def test_an_upload_arrives_signed_names_the_bug_and_differs_in_the_version_alone(
    case: Case,
) -> None:
    case.ready()

    ran = case.upload()

    assert ran.exit_code == 0, ran.out + ran.err
    # The server has verified the signatures and the hashes.
    assert (case.in_ppa(), case.ppas.mails, case.ppas.dropped) == ([THERE], [], [])
    (record,) = case.records()
    assert (record["version"], record["state"]) == (f"{VERSION}~ppa1", "accepted")
    assert (record["signer"], record["account"]) == (case.fingerprint, "tester")
    assert {name.rpartition(".")[2] for name in record["files"]} == {"dsc", "changes", "gz", "xz"}
    assert set(record["steps"].values()) == {"passed"}
    assert set(record["times"]) == {"signed", "sending", "sent", "accepted"}
    folder = case.work / "uploads" / f"noble_greeter_{VERSION}~ppa1"
    changes = Changes((folder / f"greeter_{VERSION}~ppa1_source.changes").read_bytes())
    assert changes["Launchpad-Bugs-Fixed"] == str(BUG)
    assert changes["Distribution"] == "noble"
    (own,) = (case.work / "source/noble/greeter").glob("*.dsc")
    diff = subprocess.run(
        ["debdiff", "--no-conf", "--quiet", own, folder / f"greeter_{VERSION}~ppa1.dsc"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    changed = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in "---+++"]
    assert changed == [
        f"-greeter ({VERSION}) noble; urgency=medium",
        f"+greeter ({VERSION}~ppa1) noble; urgency=medium",
    ]


def test_a_dry_run_prints_the_same_plan_and_what_is_there_is_not_sent_again(case: Case) -> None:
    case.ready()

    assert case.run("upload", "--ask").exit_code == 2, "nobody is there to be asked"
    assert case.standin.requests == []
    dry = case.upload("--dry-run")
    read = case.run("upload", "--dry-run")
    assert (case.intake.sessions, case.records()) == ([], [])
    real = case.upload()
    again = case.upload()
    shutil.rmtree(case.work / "uploads")
    elsewhere = case.upload()

    assert dry.plan == real.plan
    assert [event["event"] for event in dry.events] == ["plan"]
    assert dry.item("noble/greeter")["action"] == "upload"
    assert "to ppa:tester/greetings through ftp://127.0.0.1:" in read.out
    assert f"1. noble/greeter {VERSION}~ppa1: upload" in read.out
    assert "ok  tests\n" in read.out
    assert "ran on the stand-in base, not on Ubuntu's archive" in read.out
    assert (again.exit_code, again.item("noble/greeter")["action"]) == (0, "is there")
    # It is known by its content.
    assert elsewhere.item("noble/greeter")["action"] == "is there"
    assert case.sent(".changes") == 1


def test_a_source_waits_until_what_it_needs_is_published(case: Case) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    case.ppas.steps = 1_000_000
    case.ready()

    ran = case.upload("--minutes", "0.01")

    assert ran.exit_code == 4  # as `wait` ends
    assert "noble/greeter is not sent, since what it needs is not published (time lim" in ran.err
    assert [item["source"] for item in ran.plan["items"]] == ["helper", "greeter"]
    (waited,) = [event for event in ran.events if event["event"] == "build"]
    assert (waited["source"], waited["arch"], waited["phase"]) == ("helper", "amd64", "queued")
    assert [source for source, _, _ in case.in_ppa()] == ["helper"]
    case.ppas.farm.now = 1_000_000.0
    assert case.upload().exit_code == 0
    assert [source for source, _, _ in case.in_ppa()] == ["helper", "greeter"]
    assert case.sent("helper") == 1


def test_a_need_that_does_not_build_stops_the_upload_that_waits(case: Case) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    case.ppas.builds = {"helper": "Failed to build"}
    case.ready()

    ran = case.upload()

    assert ran.exit_code == 4
    assert "noble/greeter is not sent, since what it needs is not published (failed)" in ran.err
    assert [source for source, _, _ in case.in_ppa()] == ["helper"]


@pytest.mark.parametrize("status", ["Deleted", "Published", "Rejected"])
def test_a_version_that_was_ever_used_with_other_content_is_burned(case: Case, status: str) -> None:
    case.ready()
    old = Arrived("greeter", f"{VERSION}~ppa4", "noble", case.fingerprint, {"x": b"x"}, ())
    if status == "Rejected":
        case.ppas.queue(ARCHIVE, old, "Rejected")
    else:
        case.ppas.publish(ARCHIVE, old, status=status)

    ran = case.upload()

    assert ran.exit_code == 0, ran.err
    assert case.in_ppa()[-1] == ("greeter", "noble", f"{VERSION}~ppa5")


def test_an_ended_series_is_uploaded_to_a_ppa_that_permits_it(case: Case) -> None:
    case.series = ("yakkety",)
    case.ready()
    case.world.entries[ARCHIVE].values["permit_obsolete_series_uploads"] = True

    ran = case.upload()

    assert ran.exit_code == 0, ran.out + ran.err
    assert ran.item("yakkety/greeter")["action"] == "upload"
    assert case.in_ppa() == [("greeter", "yakkety", f"{VERSION}~ppa1")]


def test_sftp_carries_it_to_a_known_host_as_the_account_and_again_after_a_break(case: Case) -> None:
    case.ready()
    with SftpServer(case.intake) as server:
        case.use_sftp(server)
        case.monkeypatch.setenv(
            "BACKPORT_SSH_OPTIONS", f"IdentityFile={server.home}/id\nUserKnownHostsFile=/dev/null"
        )
        unknown = case.upload()
        assert case.intake.sessions == []
        case.use_sftp(server)
        case.intake.cut = "orig"
        broken = case.upload()
        again = case.upload()

    assert (unknown.exit_code, broken.exit_code) == (6, 6)
    assert "Host key verification failed" in unknown.err
    assert "127.0.0.1 did not take it" in broken.err
    assert again.exit_code == 0, again.err
    assert case.in_ppa() == [THERE]
    assert {*server.users} == {"tester"}
    files = case.intake.sessions[-1]
    assert all(name.startswith("~tester/ubuntu/greetings/greeter_1.0") for name in files)


def test_what_was_uploaded_is_waited_for_and_goes_into_the_evidence_of_the_same_recipe(
    case: Case,
) -> None:
    case.ready()
    assert case.upload().exit_code == 0
    text = case.recipe.read_text()
    case.recipe.write_text(text.replace("Greet the series.", "Greet it."))
    ran = case.run("wait", "--json")
    assert (ran.exit_code, ran.events[-1]["event"]) == (0, "waited")
    assert ran.err.startswith("no evidence: source/noble/greeter: the recipe, or what lies beside")
    case.recipe.write_text(text)

    ran = case.run("wait", "--json")

    assert ran.exit_code == 0, ran.err
    assert [event["event"] for event in ran.events] == ["build", "published", "waited", "evidence"]
    records = case.work / "evidence/latest/records"
    sent = json.loads((records / f"uploads/noble_greeter_{VERSION}~ppa1.json").read_text())
    assert (sent["state"], sent["version"]) == ("accepted", f"{VERSION}~ppa1")
    for path in (case.work / "evidence").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_an_upload_that_waits_ends_with_the_exit_code_of_a_build_that_fails(case: Case) -> None:
    case.ppas.builds = {"greeter": "Failed to build"}
    case.ready()

    dry = case.upload("--wait", "--dry-run")
    ran = case.upload("--wait")

    assert (dry.exit_code, [event["event"] for event in dry.events]) == (0, ["plan"])
    assert ran.exit_code == 4, ran.out
    (waited,) = [event for event in ran.events if event["event"] == "waited"]
    assert waited["reason"] == "failed"


def test_an_obsolete_series_that_was_named_is_told_after_the_others_are_sent_and_waited_for(
    case: Case,
) -> None:
    case.series = ("noble", "yakkety")
    case.ready()
    words = ("--wait", "--series", "noble", "--series", "yakkety")

    ran = case.upload(*words)

    assert ran.exit_code == 6, ran.err
    assert ran.item("yakkety/greeter")["action"] == "skipped"
    assert "leave the series out of the update" in ran.item("yakkety/greeter")["reason"]
    assert case.in_ppa() == [("greeter", "noble", "1.0-1ubuntu0.24.04.1~ppa1")]
    kinds = [event["event"] for event in ran.events]
    assert kinds.index("uploaded") < kinds.index("published") < kinds.index("waited")
    # Once more: nothing is sent; it is waited for, and told again. Unnamed it is no refusal.
    assert case.upload(*words).exit_code == 6
    assert case.upload("--wait").exit_code == 0
    assert case.sent(".changes") == 1
