"""From a signed upload over the builds to the published binaries and the comment on the bug."""

from __future__ import annotations

import hashlib
import json

from tests.support.launchpad_server.world import Entry
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.launchpad_server.world_builds import GOOD, Farm, ends
from tests.support.upload_server.case import SECRET, Case

VERSION = "1.0-1ubuntu0.24.04.1~ppa1"
NUMBER = 2100000


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


def test_what_was_uploaded_is_waited_for_and_told_on_the_bug(case: Case) -> None:
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
    bugs = Bugs(case.world)
    bugs.add(NUMBER, "Greet", "Please.", tasks=["greeter"])
    words = ("bug", "--set", "--yes", "--milestone", "uploaded", "--milestone", "published")
    assert case.run(*words, "--status", "In Progress").exit_code == 0
    assert bugs.task(NUMBER, "noble/greeter").values["status"] == "In Progress"
    uploaded, published = bugs.comments(NUMBER)[1:]
    assert uploaded.endswith(f"noble: greeter {VERSION}")
    assert f"noble: greeter {VERSION} (built on amd64)" in published


def published(case: Case) -> None:
    """Upload, and let the farm build and publish it."""
    publication = send(case)
    farm = Farm(case.world)
    farm.build(publication)
    farm.now = 2000.0


def test_what_is_published_goes_into_the_evidence_and_stays_the_same(case: Case) -> None:
    published(case)
    first = case.run("wait", "--json").events[-1]
    again = case.run("wait", "--json").events[-1]
    records = case.work / "evidence/latest/records"

    kept = json.loads((records / "published/noble/greeter.json").read_text())
    sent = json.loads((records / f"uploads/noble_greeter_{VERSION}.json").read_text())
    assert [one["version"] for one in kept["binaries"]] == [VERSION]
    assert (sent["state"], sent["version"]) == ("accepted", VERSION)
    assert first == again
    assert first["archive"].startswith(str(case.work / "evidence"))
    for path in (case.work / "evidence").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_a_wait_without_evidence_says_why_and_has_waited_all_the_same(case: Case) -> None:
    published(case)
    case.recipe.write_text(case.recipe.read_text().replace("Greet the series.", "Greet it."))

    ran = case.run("wait", "--json")

    assert ran.exit_code == 0
    assert ran.events[-1]["event"] == "waited"
    assert ran.err.startswith("no evidence: source/noble/greeter: the recipe, or what lies beside")
    assert (case.work / "published/noble/greeter.json").is_file()
