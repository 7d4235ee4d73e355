from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from backport.errors import RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.builds import wait
from backport.launchpad.builds.states import Build, SourceVersion, phase
from tests.launchpad.conftest import QUICK
from tests.support.launchpad_server import Entry, Fault, StandIn, World
from tests.support.launchpad_server.world_builds import GOOD, Farm, ends

PPA = PpaName("me", "sru")
APP = SourceVersion("app", "xenial", "1.0-1~ppa1")
LIB = SourceVersion("lib", "xenial", "2.0-1~ppa1")
LOG = b"".join(b"line %d\n" % number for number in range(20000))


@dataclass
class Scene:
    """A farm with a PPA, and a wait whose seconds are the farm's."""

    farm: Farm
    standin: StandIn
    client: LaunchpadlibClient
    work: Path
    archive: str
    events: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""

    def accept(self, upload: SourceVersion = APP, **more: float) -> Entry:
        place = (upload.series, upload.source, upload.version)
        return self.farm.accept(self.archive, *place, **more)

    def wait(
        self,
        *uploads: SourceVersion,
        longest: float = 14400.0,
        then: Callable[[float], None] = lambda _: None,
    ) -> str:
        """Wait, and return the reason of the end; `then` gets the second after each pause."""

        def sleep(seconds: float) -> None:
            self.farm.now += seconds
            then(self.farm.now)

        def tell(data: Mapping[str, Any], text: str) -> None:
            self.events.append(dict(data))
            self.text += text + "\n"

        waiting = wait.Wait(
            self.client, PPA, self.work, tell, longest, 60.0, QUICK, lambda: self.farm.now, sleep
        )
        return waiting.run(uploads or (APP,))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == event]

    def phases(self, arch: str = "amd64") -> list[str]:
        every = [one["phase"] for one in self.told("build") if one["arch"] == arch]
        return list(dict.fromkeys(every))


@pytest.fixture
def scene(standin: StandIn, world: World, tmp_path: Path, writer: LaunchpadlibClient) -> Scene:
    farm = Farm(world)
    return Scene(farm, standin, writer, tmp_path / "work", farm.ppa("me", "sru"))


def test_builds_are_followed_until_all_is_published_though_launchpad_is_away_for_a_while(
    scene: Scene,
) -> None:
    def then(second: float) -> None:
        if second == 120:
            scene.farm.build(scene.accept(publish_after=900.0))
        if second == 180:
            scene.standin.faults.add(Fault("status", on="getBuilds", status=503, times=-1))
        if second == 240:
            scene.standin.faults.clear()

    assert scene.wait(then=then) == "all published"
    assert scene.farm.now == 1020.0, "its binaries are published before the source package is"
    assert scene.phases("") == ["not there yet"]
    assert scene.phases() == ["queued", "building", "publishing", "published"]
    assert "answered 503 Service Unavailable, 4 times" in scene.told("note")[0]["text"]
    assert scene.text.endswith("All 1 builds are published.\n")


def test_an_upload_that_is_never_taken_in_ends_with_the_time_limit_and_names_the_mail(
    scene: Scene,
) -> None:
    assert scene.wait(longest=600) == "time limit"
    assert scene.farm.now == 600
    assert "a mail to the signer says why it was rejected" in scene.text
    assert "could not verify the signature and dropped it: check that the key" in scene.text


def test_the_versions_and_hashes_of_the_binaries_are_kept_for_the_evidence(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there, "amd64", binaries={"app": b"amd64", "app-dbgsym": b"no package"})
    scene.farm.build(there, "i386", binaries={"app": b"i386"})
    for arch in ("amd64", "i386"):
        scene.farm.build(there, arch, binaries={"app-doc": b"all"}, indep=True)
    scene.wait()
    record = json.loads((scene.work / "published/xenial/app.json").read_text())
    assert (record["version"], record["ppa"]) == ("1.0-1~ppa1", "ppa:me/sru")
    assert [build["arch"] for build in record["builds"]] == ["amd64", "i386"] * 2
    files = [(binary["file"], binary["arch"], binary["size"]) for binary in record["binaries"]]
    assert files == [
        ("app-doc_1.0-1~ppa1_all.deb", "all", 3),
        ("app_1.0-1~ppa1_amd64.deb", "amd64", 5),
        ("app_1.0-1~ppa1_i386.deb", "i386", 4),
    ]
    assert record["binaries"][1]["sha256"] == hashlib.sha256(b"amd64").hexdigest()


def test_a_failed_build_ends_with_its_state_its_logs_address_and_its_tail(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there, "amd64")
    scene.farm.build(there, "armhf", ends("Failed to build", 100), log=LOG)
    assert scene.wait() == "failed"
    assert scene.phases("amd64")[-1] == "published", "the others are waited for"
    (failed,) = scene.told("failed")
    assert failed["state"] == "Failed to build"
    assert "/+files/buildlog_ubuntu-app.txt.gz" in failed["log"]
    assert failed["tail"] == [f"line {number}" for number in range(19960, 20000)]
    assert "\n  | line 19999\n" in scene.text
    assert "Not all of it was built: 1 of 2 builds are published." in scene.text
    assert not (scene.work / "published").exists()


@pytest.mark.parametrize("lib", ["Successfully built", "Failed to build"])
def test_a_dependency_wait_is_no_failure_unless_nothing_can_end_it(scene: Scene, lib: str) -> None:
    late = ((0.0, "Dependency wait"), (900.0, "Needs building"), *[(a + 901, b) for a, b in GOOD])
    scene.farm.build(scene.accept(LIB), "amd64", ends(lib))
    scene.farm.build(scene.accept(), "amd64", late, dependencies="lib (>= 2)")
    good = lib == "Successfully built"
    assert scene.wait(APP, LIB) == ("all published" if good else "failed")
    assert (scene.farm.now > 900) is good
    assert "xenial/app 1.0-1~ppa1 amd64: dependency wait (lib (>= 2))\n" in scene.text
    assert len(scene.told("failed")) == int(not good)


@pytest.mark.parametrize(
    ("state", "log"),
    [("Chroot problem", LOG), ("Failed to upload", LOG), ("Failed to build", None)],
    ids=["chroot", "upload", "a lost builder"],
)
def test_a_build_that_failed_for_the_farms_sake_is_started_again_three_times(
    scene: Scene, state: str, log: bytes | None
) -> None:
    mended = scene.farm.build(scene.accept(), "amd64", ends(state), GOOD, log=log)
    stays = scene.farm.build(scene.accept(LIB), "amd64", ends(state), log=log)
    assert scene.wait(APP, LIB) == "failed"
    assert (mended.retries, stays.retries) == (1, 3)
    (failed,) = scene.told("failed")
    assert (failed["source"], failed["detail"][-21:]) == ("lib", "started again 3 times")


def test_an_upload_of_binaries_that_was_rejected_is_a_failure_of_the_package(scene: Scene) -> None:
    job = scene.farm.build(
        scene.accept(),
        "amd64",
        ends("Failed to upload"),
        upload_log=b"start\nRejected:\napp: Version older than that in the archive.\n",
    )
    assert scene.wait() == "failed"
    assert job.retries == 0
    (failed,) = scene.told("failed")
    assert failed["tail"][-1] == "app: Version older than that in the archive."


def test_without_the_right_to_start_a_build_again_it_counts_as_failed(scene: Scene) -> None:
    scene.standin.faults.add(Fault("status", on="POST .*/\\+build/", status=401, body="No."))
    scene.farm.build(scene.accept(), "amd64", ends("Chroot problem"))
    assert scene.wait() == "failed"
    assert "refuses it (401): No" in scene.told("failed")[0]["detail"]


@pytest.mark.parametrize(("status", "second"), [("Deleted", 100.0), ("Superseded", 1000.0)])
def test_a_source_that_left_the_archive_is_told_and_nothing_is_kept_of_it(
    scene: Scene, status: str, second: float
) -> None:
    there = scene.accept()
    scene.farm.build(there)
    scene.farm.now = second
    scene.farm.advance()
    there.values["status"] = status
    assert scene.wait() == "failed"
    assert scene.farm.now == second
    assert f"the source package is {status.lower()}" in scene.text
    assert not (scene.work / "published").exists()


def test_launchpad_that_stays_away_ends_the_wait_in_one_sentence(scene: Scene) -> None:
    scene.farm.build(scene.accept())

    def then(second: float) -> None:
        assert second < 1200, "the wait goes on without an end"
        scene.standin.faults.add(Fault("status", on="getBuilds", status=500, times=-1))

    with pytest.raises(RemoteError, match=r"the builds of xenial/app .* answered 500"):
        scene.wait(then=then)


def test_a_state_that_is_not_known_here_is_waited_for() -> None:
    assert phase(Build("amd64", "Polishing", "", "")) == "queued"


DAMAGED = bytearray(gzip.compress(LOG))
DAMAGED[len(DAMAGED) // 2] ^= 0xFF


@pytest.mark.parametrize(
    ("name", "content", "fault", "expected"),
    [
        ("log.txt.gz", gzip.compress(LOG), {}, "line 19999"),
        ("log.txt", b"one\r\ntwo\nthr\xffe", {}, "thr\ufffde"),
        ("log.txt.gz", gzip.compress(LOG), {"kind": "truncated", "times": 1}, "line 19999"),
        ("log.txt.gz", bytes(DAMAGED), {}, "(the log is damaged)"),
        ("log.txt.gz", gzip.compress(LOG), {"kind": "short"}, "(the log ends early"),
        ("log.txt.gz", gzip.compress(LOG), {"kind": "truncated"}, "broke off the connection"),
        ("log.txt.gz", gzip.compress(LOG), {"kind": "html"}, "a web page instead of the file"),
        ("other", b"", {}, "(the log cannot be read: the server answered 404 Not Found)"),
        ("", b"", {}, "(there is no log)"),
    ],
)
def test_the_tail_of_a_log_is_read_or_a_line_says_why_not(
    standin: StandIn, name: str, content: bytes, fault: Mapping[str, Any], expected: str
) -> None:
    if name != "other":
        standin.world.files[f"/{name}"] = content
    if fault:
        standin.faults.add(Fault(**{"on": name, "times": -1, **fault}))
    limits = replace(QUICK, attempts=2)
    lines = wait.tail(f"{standin.root}{name}" if name else "", 3, limits)
    assert expected in "".join(lines[-1:])
    assert len(lines) <= 4
