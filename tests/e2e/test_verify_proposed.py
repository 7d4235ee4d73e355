"""The packages in -proposed are fetched and tested, from the command to the checklist."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.e2e.small_recipes import Small, add_patch, append, begin, matrix_row
from tests.e2e.support import CHECKOUT, Place, environment, must
from tests.support.launchpad_server import StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs
from tests.support.launchpad_server.world_builds import Farm
from tests.support.source_builder import write_files

SERIES = "noble"
# Only what is published says this: what would be built here says hello.
SMALL = Small().with_test("greeter | grep -q published")
VERSION = "1.0-1ubuntu0.1"
CONTROL = f"""\
Package: greeter
Version: {VERSION}
Architecture: all
Maintainer: Launchpad <launchpad@example.org>
Description: a package of the tests
"""


def published_package(root: Path) -> bytes:
    """A binary package as somebody else has built it."""
    files = {"DEBIAN/control": CONTROL, "usr/bin/greeter!": "#!/bin/sh\necho published\n"}
    tree = write_files(root / "tree", files)
    out = root / "greeter.deb"
    must(["dpkg-deb", "--root-owner-group", "--build", tree, out])
    return out.read_bytes()


def test_what_is_published_is_tested_and_a_stand_in_proves_nothing(
    place: Place, tmp_path: Path
) -> None:
    begin(place, SMALL, SERIES)
    add_patch(place, SMALL, '"hello"', '"hello, noble"')
    append(place, matrix_row(SMALL))
    world = World()
    world.distribution("ubuntu")
    world.series("ubuntu", SERIES, "24.04", "Supported")
    world.publish(SERIES, "greeter", "1.0-1")
    entry = world.publish(SERIES, "greeter", VERSION, pocket="Proposed")
    farm = Farm(world)
    farm.build(entry, binaries={"greeter": published_package(tmp_path)}, indep=True)
    farm.now = 10_000.0
    Bugs(world).add(
        2100000,
        "It greets nobody",
        "No template.",
        tags=(f"verification-needed-{SERIES}",),
        tasks=["greeter", f"{SERIES}/greeter"],
    )
    with StandIn(world) as standin:
        done = subprocess.run(
            place.command("verify", "--test", "--base", "stand-in", "--json"),
            cwd=CHECKOUT,
            env={**environment(), "BACKPORT_LAUNCHPAD_ROOT": standin.root},
            capture_output=True,
            text=True,
            check=False,
        )
        changes = [request for request in standin.requests if not request.startswith("GET")]
    assert done.returncode == 4, done.stdout + done.stderr
    assert changes == []
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ended = {event["step"]: event for event in events if event["event"] == "finished"}
    assert ended[f"build/{SERIES}/greeter"]["detail"] == "1 published packages"
    assert ended[f"test/{SERIES}/greeter.says"]["verdict"] == "passed"
    # How somebody else's build comes out is not looked at again.
    assert not [name for name in ended if name.startswith("check/")]
    (made,) = (event for event in events if event["event"] == "checklist")
    items = {one["what"]: one for one in made["items"]}
    assert items[f"{VERSION} is in {SERIES}-proposed"]["state"] == "done"
    says = items[f"says passed with the packages in {SERIES}-proposed"]
    assert (says["state"], says["why"]) == (
        "missing",
        "Passed on stand-in (Debian bookworm) only, not on Ubuntu.",
    )
    assert made["tags"] == []
    assert "Origin: built locally" not in made["comments"][SERIES]
    assert f"{SERIES}-proposed" in made["comments"][SERIES]
    log = place.work / "proposed" / "test" / SERIES / "greeter.says" / "log"
    assert "says" in log.read_text()
