"""The debdiff and the next version, by what the records say that the series has."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from tests.launchpad.test_records import grow_old
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.source_builder import BUG, package_files
from tests.support.upload_server.case import Case

VERSION, SECOND = "1.0-1ubuntu0.1", "1.0-1ubuntu0.2"


def ready(case: Case) -> None:
    """The update is made, and nothing was asked yet."""
    case.ready()
    (case.home / "cache/launchpad-records.json").unlink(missing_ok=True)


def publish(case: Case, version: str, pocket: str = "Release", **more: Any) -> dict[str, bytes]:
    """Noble has that version of the greeter."""
    files = package_files("greeter", version, case.root.parent / "older")
    case.world.publish("noble", "greeter", version, pocket=pocket, files=files, **more)
    return files


def record(case: Case) -> dict[str, Any]:
    """What was kept of the comparison."""
    data: dict[str, Any] = json.loads((case.work / "debdiff/noble/greeter.json").read_text())
    return data


def test_it_is_made_against_the_highest_version_that_the_series_has(case: Case) -> None:
    ready(case)
    publish(case, "0.8-1")
    files = publish(case, "0.9-1", "Updates")
    case.world.publish("noble", "greeter", "0.9-9", pocket="Backports", files={"x": b"x"})
    case.world.publish("noble", "greeter", "0.9-5", status="Deleted", files={"x": b"x"})

    # The update itself is not what it replaces.
    case.world.publish("noble", "greeter", VERSION, pocket="Proposed", files={"x": b"x"})

    ran = case.run("debdiff", "--json")

    assert ran.exit_code == 0, ran.err
    (event,) = ran.events
    assert event["told"].startswith("greeter is compared with what noble has in Updates, 0.9-1 (")
    assert event["told"].endswith(f"'s record, asked {datetime.now(UTC):%Y-%m-%d})")
    text = (case.work / "debdiff/noble" / event["debdiff"]).read_text()
    assert event["debdiff"] == f"greeter_{VERSION}.debdiff"
    assert f"\n+greeter ({VERSION}) noble; urgency=medium\n" in text
    assert "\n-greeter (0.9-1) " in text
    own = next((case.work / "source/noble/greeter").glob("*.debdiff")).read_text()
    assert "0.9-1" not in own
    kept = record(case)
    hashes = {one["name"]: one["sha256"] for one in kept["against"]["files"]}
    assert hashes == {name: hashlib.sha256(one).hexdigest() for name, one in files.items()}
    assert kept["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert kept["lines"] == event["lines"]
    assert (kept["lines"]["changelog"], kept["lines"]["patches"]) == (7, 1)

    assert case.run("evidence").exit_code == 0
    records = case.work / "evidence/latest/records/debdiff/noble"
    assert {path.name for path in records.iterdir()} == {"greeter.json", event["debdiff"]}


def test_where_there_is_nothing_to_compare_it_says_so(case: Case) -> None:
    case.write()
    ran = case.run("debdiff")
    assert ran.exit_code == 3
    assert "greeter for noble was not made yet" in ran.err
    ready(case)
    ran = case.run("debdiff", "--offline")
    assert ran.exit_code == 6
    assert "no kept record tells what noble has of greeter" in ran.err
    assert not (case.work / "debdiff").exists()
    ran = case.run("debdiff")
    assert ran.exit_code == 0, ran.err
    assert "greeter is new in noble: there is nothing to compare it with" in ran.out
    assert "against" not in record(case)


def test_offline_it_uses_the_kept_records_and_says_how_old_they_are(case: Case) -> None:
    ready(case)
    publish(case, "0.9-1")
    assert case.run("debdiff").exit_code == 0
    first = (case.work / "debdiff/noble" / record(case)["debdiff"]).read_bytes()
    publish(case, "0.9-2", "Updates")
    asked = grow_old(case.home / "cache", 72)
    case.standin.requests.clear()

    ran = case.run("debdiff", "--offline")

    assert ran.exit_code == 0, ran.err
    assert "0.9-1 (" in ran.out
    lines = "patches 1, patch-tests 0, packaging 3, tests 4, changelog 7"
    assert f"\n  lines to read: {lines}\n" in ran.out
    assert f"'s record, {asked})" in ran.out
    assert (case.work / "debdiff/noble" / record(case)["debdiff"]).read_bytes() == first
    assert case.standin.requests == []
    # Asked again, since the record is old: the series has gone on.
    ran = case.run("debdiff")
    assert "noble has in Updates, 0.9-2 (" in ran.out


def test_sponsors_get_the_debdiff_against_the_series(case: Case) -> None:
    ready(case)
    bugs = Bugs(case.world)
    bugs.add(BUG, "Greet", "Please.", tasks=["greeter"])
    publish(case, "0.9-1")
    ran = case.run("sponsor", "--yes")
    assert ran.exit_code == 0, ran.err
    assert "note: greeter is compared with what noble has in Release, 0.9-1 (" in ran.out
    (attached,) = bugs.below("bug_attachment", f"/bugs/{BUG}")
    assert attached.values["title"] == f"greeter_{VERSION}.noble.debdiff"
    stored = case.world.files[f"/devel{attached.path}/data"].decode()
    own = next((case.work / "source/noble/greeter").glob("*.debdiff")).read_text()
    assert stored != own
    assert "nothing to change" in case.run("sponsor", "--yes").out


def test_fetch_and_debdiff_hold_the_pins_against_the_records(case: Case) -> None:
    ready(case)
    for entry in case.world.all("source_package_publishing_history"):
        del case.world.entries[entry.path]
    for words in ((), ("--offline",)):
        ran = case.run("fetch", *words)
        assert ran.exit_code == 0, ran.err
        assert "no record confirms that greeter_1.0-1.dsc is the archive's" in ran.err
    case.world.publish("noble", "greeter", "1.0-1", files={"greeter_1.0-1.dsc": b"another"})
    grow_old(case.home / "cache", 72)
    for command, place in (("fetch", "ubuntu"), ("debdiff", "noble")):
        ran = case.run(command)
        assert ran.exit_code == 3
        assert f"{place} has another 1.0-1 than the pinned one, by the record's sha256" in ran.err


def row(case: Case) -> dict[str, Any]:
    """What plan says of the package, with an empty cache of records."""
    (case.home / "cache/launchpad-records.json").unlink(missing_ok=True)
    ran = case.run("plan", "--json")
    assert ran.exit_code == 0, ran.err
    (planned,) = ran.events[-1]["versions"]
    return dict(planned)


def test_what_we_have_uploaded_stays_until_the_recipe_makes_something_else(case: Case) -> None:
    case.ready()
    case.world.publish("noble", "greeter", "1.0-1")
    assert row(case)["ours"] == VERSION
    made = case.work / "source/noble/greeter"
    own = (f"greeter_{VERSION}.dsc", f"greeter_{VERSION}.debian.tar.xz")
    names = [*own, "greeter_1.0.orig.tar.gz"]
    files = {name: (made / name).read_bytes() for name in names}
    others = files | {f"greeter_{VERSION}.debian.tar.xz": b"another content"}
    other = case.world.publish("noble", "greeter", VERSION, pocket="Proposed", files=others)
    there = row(case)
    assert (there["ours"], there["published"]) == (SECOND, False)
    del case.world.entries[other.path]
    files[f"greeter_{VERSION}.dsc"] += b"signed by a sponsor"
    case.world.publish("noble", "greeter", VERSION, pocket="Proposed", files=files)
    there = row(case)
    assert (there["ours"], there["published"]) == (VERSION, True)

    patch = case.root / "patches/greeter/greet.patch"
    patch.write_text(patch.read_text().replace("+greetings", "+greetings to all"))
    there = row(case)
    assert (there["ours"], there["published"]) == (SECOND, False)
    assert case.run("source").exit_code == 0
    assert (made / f"greeter_{SECOND}.dsc").is_file()
