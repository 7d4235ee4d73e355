"""From a signed upload over the builds to the published binaries and the evidence."""

from __future__ import annotations

import hashlib
import json
import os
import pty

from tests.support.launchpad_server.world import Entry
from tests.support.launchpad_server.world_builds import GOOD, Farm, ends
from tests.support.upload_server.case import SECRET, Case

VERSION = "1.0-1ubuntu0.1~ppa1"
# The form where the update goes to several series.
OF_SEVERAL = "1.0-1ubuntu0.24.04.1~ppa1"


def send(case: Case) -> Entry:
    """Upload, and find the record of it."""
    case.ready()
    assert case.upload().exit_code == 0
    (publication,) = [
        one
        for one in case.world.all("source_package_publishing_history")
        if one.values["source_package_version"] == VERSION
    ]
    return publication


def test_what_was_uploaded_is_waited_for_and_goes_into_the_evidence(case: Case) -> None:
    publication = send(case)
    farm = Farm(case.world)
    job = farm.build(publication, "amd64", ends("Chroot problem"), GOOD)
    farm.now = 400.0

    assert case.run("wait", "--minutes", "0.0001", "--json").exit_code == 4
    assert job.retries == 1
    farm.now = 2000.0
    ran = case.run("wait", "--json")

    assert ran.exit_code == 0, ran.err
    assert [event["event"] for event in ran.events] == ["build", "published", "waited", "evidence"]
    kept = json.loads((case.work / "published/noble/greeter.json").read_text())
    (binary,) = kept["binaries"]
    assert binary["file"] == f"greeter_{VERSION}_amd64.deb"
    assert binary["sha256"] == hashlib.sha256(f"greeter {VERSION}".encode()).hexdigest()
    again = case.run("wait", "--json").events
    assert again[-1] == ran.events[-1], "the evidence stays the same"
    records = case.work / "evidence/latest/records"
    assert json.loads((records / "published/noble/greeter.json").read_text()) == kept
    sent = json.loads((records / f"uploads/noble_greeter_{VERSION}.json").read_text())
    assert (sent["state"], sent["version"]) == ("accepted", VERSION)
    for path in (case.work / "evidence").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_an_obsolete_series_that_was_named_is_told_after_the_others_are_sent_and_waited_for(
    case: Case,
) -> None:
    case.series = ("noble", "yakkety")
    case.ready()
    case.ppas.steps = 3.0
    words = ("--wait", "--series", "noble", "--series", "yakkety")

    ran = case.upload(*words)

    assert ran.exit_code == 6, ran.err
    assert ran.item("yakkety/greeter")["action"] == "skipped"
    assert "leave the series out of the update" in ran.item("yakkety/greeter")["reason"]
    assert case.in_ppa() == [("greeter", "noble", OF_SEVERAL)]
    kinds = [event["event"] for event in ran.events]
    assert kinds.index("uploaded") < kinds.index("published") < kinds.index("waited")
    assert (case.work / "published/noble/greeter.json").is_file()

    # Once more: nothing is sent; it is waited for, and told again. Unnamed it is no refusal.
    assert case.upload(*words).exit_code == 6
    again = case.upload("--wait")
    assert again.exit_code == 0, again.err
    assert "waited" in [event["event"] for event in again.events]
    assert case.sent(".changes") == 1


def test_a_build_that_fails_is_the_exit_code_of_an_upload_that_waits(case: Case) -> None:
    publication = send(case)
    farm = Farm(case.world)
    farm.build(publication, "amd64", ends("Failed to build"), log=b"dpkg-buildpackage: error\n")
    farm.now = 1000.0

    ran = case.upload("--wait")

    assert ran.item("noble/greeter")["action"] == "is there"
    assert ran.exit_code == 4, ran.out


def test_a_refusal_or_a_dry_run_waits_for_nothing(case: Case) -> None:
    case.ready()
    dry = case.upload("--dry-run", "--wait")
    bad = case.upload("--wait", "--key", "nobody@example.org")
    assert (dry.exit_code, bad.exit_code) == (0, 5)
    for ran in (dry, bad):
        assert [event["event"] for event in ran.events] == ["plan"]


def test_it_asks_on_a_terminal_only_where_something_is_left_to_send(case: Case) -> None:
    case.ready()
    case.ppas.steps = 3.0
    assert case.run("upload", "--ask", "--wait").exit_code == 2

    keyboard, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin:
        case.monkeypatch.setattr("sys.stdin", stdin)
        os.write(keyboard, b"n\n")
        ran = case.run("upload", "--ask", "--wait", "--quiet")
        assert ran.exit_code == 0
        assert ran.err.endswith("Upload this? [y/N] Nothing was uploaded.\n")
        assert case.in_ppa() == []
        os.write(keyboard, b"y\n")
        ran = case.run("upload", "--ask", "--wait")
        assert ran.exit_code == 0, ran.err
        assert case.in_ppa() == [("greeter", "noble", VERSION)]
        # Nobody answers now: a question would never end.
        assert case.run("upload", "--ask", "--wait").exit_code == 0
    os.close(keyboard)


def test_a_wait_without_evidence_says_why_and_has_waited_all_the_same(case: Case) -> None:
    publication = send(case)
    farm = Farm(case.world)
    farm.build(publication)
    farm.now = 2000.0
    case.recipe.write_text(case.recipe.read_text().replace("Greet the series.", "Greet it."))

    ran = case.run("wait", "--json")

    assert ran.exit_code == 0
    assert ran.events[-1]["event"] == "waited"
    assert ran.err.startswith("no evidence: source/noble/greeter: the recipe, or what lies beside")
    assert (case.work / "published/noble/greeter.json").is_file()
