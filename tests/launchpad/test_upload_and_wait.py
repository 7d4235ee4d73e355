"""From a signed upload over the builds to the published binaries and the evidence."""

from __future__ import annotations

import json

from tests.support.launchpad_server.world import Entry
from tests.support.launchpad_server.world_builds import Farm, ends
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


def test_what_was_uploaded_is_waited_for_and_goes_into_the_evidence_of_the_same_recipe(
    case: Case,
) -> None:
    publication = send(case)
    farm = Farm(case.world)
    farm.build(publication)
    farm.now = 2000.0

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
    sent = json.loads((records / f"uploads/noble_greeter_{VERSION}.json").read_text())
    assert (sent["state"], sent["version"]) == ("accepted", VERSION)
    for path in (case.work / "evidence").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_a_build_that_fails_is_the_exit_code_of_an_upload_that_waits_where_it_has_sent(
    case: Case,
) -> None:
    publication = send(case)
    farm = Farm(case.world)
    farm.build(publication, "amd64", ends("Failed to build"), log=b"dpkg-buildpackage: error\n")
    farm.now = 1000.0

    ran = case.upload("--wait")
    dry = case.upload("--wait", "--dry-run")

    assert ran.item("noble/greeter")["action"] == "is there"
    assert ran.exit_code == 4, ran.out
    assert (dry.exit_code, [event["event"] for event in dry.events]) == (0, ["plan"])


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
    # Once more: nothing is sent; it is waited for, and told again. Unnamed it is no refusal.
    assert case.upload(*words).exit_code == 6
    assert case.upload("--wait").exit_code == 0
    assert case.sent(".changes") == 1
