"""One round of an update after another: what Launchpad has decides which number is the next."""

from __future__ import annotations

from typing import Any

from tests.support.upload_server.case import Case

FIRST, SECOND = "1.0-1ubuntu0.1", "1.0-1ubuntu0.2"


def row(case: Case) -> dict[str, Any]:
    """What plan says of the package, with an empty cache of records."""
    (case.home / "cache/launchpad-records.json").unlink(missing_ok=True)
    ran = case.run("plan", "--json")
    assert ran.exit_code == 0, ran.err
    found: dict[str, Any] = ran.events[-1]["versions"][0]
    return found


def test_what_we_have_uploaded_stays_until_the_recipe_makes_something_else(case: Case) -> None:
    case.ready()
    case.world.publish("noble", "greeter", "1.0-1")
    assert row(case)["ours"] == FIRST
    made = case.work / "source/noble/greeter"
    names = [f"greeter_{FIRST}.dsc", f"greeter_{FIRST}.debian.tar.xz", "greeter_1.0.orig.tar.gz"]
    files = {name: (made / name).read_bytes() for name in names}
    others = files | {f"greeter_{FIRST}.debian.tar.xz": b"another content"}
    other = case.world.publish("noble", "greeter", FIRST, pocket="Proposed", files=others)
    there = row(case)
    assert (there["ours"], there["published"]) == (SECOND, False)
    del case.world.entries[other.path]
    files[f"greeter_{FIRST}.dsc"] += b"signed by a sponsor"
    case.world.publish("noble", "greeter", FIRST, pocket="Proposed", files=files)
    there = row(case)
    assert (there["ours"], there["published"]) == (FIRST, True)

    patch = case.root / "patches/greeter/greet.patch"
    patch.write_text(patch.read_text().replace("+greetings", "+greetings to all"))
    there = row(case)
    assert (there["ours"], there["published"]) == (SECOND, False)
    assert case.run("source").exit_code == 0
    assert (made / f"greeter_{SECOND}.dsc").is_file()
