from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from backport.errors import InputError, RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.errors import RefusedError
from backport.launchpad.builds import published
from backport.launchpad.builds import text as wait_show
from backport.launchpad.builds.states import Build, Builds, SourceVersion, phase
from backport.launchpad.builds.wait import Bounds, BuildFailed, Changed, Ended, Event, Noted, Wait
from backport.launchpad.upload.ppa import PpaName
from tests.launchpad.conftest import QUICK
from tests.support.launchpad_server import Entry, Fault, StandIn, World
from tests.support.launchpad_server.world_builds import GOOD, Farm, ends

PPA = PpaName("me", "sru")
APP = SourceVersion("app", "xenial", "1.0-1~ppa1")
LIB = SourceVersion("lib", "xenial", "2.0-1~ppa1")
LOG = b"".join(b"line %d\n" % number for number in range(100))


@dataclass
class Scene:
    """A farm with a PPA, and a wait whose seconds are the farm's."""

    farm: Farm
    standin: StandIn
    client: LaunchpadlibClient
    work: Path
    archive: str
    events: list[Event] = field(default_factory=list)

    def accept(self, upload: SourceVersion = APP) -> Entry:
        return self.farm.accept(self.archive, upload.series, upload.source, upload.version)

    def wait(
        self,
        *uploads: SourceVersion,
        bounds: Bounds | None = None,
        then: Callable[[float], None] = lambda _: None,
    ) -> Ended:
        """Wait; `then` is called with the second after each pause."""

        def sleep(seconds: float) -> None:
            self.farm.now += seconds
            then(self.farm.now)

        one = Wait(
            Builds(self.client, PPA),
            str(PPA),
            self.work,
            self.events.append,
            bounds or Bounds(lines=3),
            QUICK,
            clock=lambda: self.farm.now,
            sleep=sleep,
        )
        return one.run(uploads or (APP,))

    def phases(self, arch: str = "amd64") -> list[str]:
        rows = [event.row for event in self.events if isinstance(event, Changed)]
        return list(dict.fromkeys(row.phase for row in rows if row.arch == arch))

    def failed(self) -> list[BuildFailed]:
        return [event for event in self.events if isinstance(event, BuildFailed)]

    def notes(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Noted)]


@pytest.fixture
def scene(standin: StandIn, world: World, tmp_path: Path, writer: LaunchpadlibClient) -> Scene:
    farm = Farm(world)
    return Scene(farm, standin, writer, tmp_path / "work", farm.ppa("me", "sru"))


def test_builds_are_followed_until_their_binaries_are_published(scene: Scene) -> None:
    scene.farm.build(scene.accept())
    assert scene.wait().reason == "all published"
    assert scene.phases() == ["queued", "building", "publishing", "published"]


def test_an_upload_that_is_not_taken_in_yet_is_waited_for(scene: Scene) -> None:
    def then(second: float) -> None:
        if second == 120:
            scene.farm.build(scene.accept())

    assert scene.wait(then=then).reason == "all published"
    assert scene.phases("") == ["not there yet"]
    assert scene.phases()[0] == "queued"


def test_an_upload_that_is_never_taken_in_ends_with_the_time_limit_and_names_the_mail(
    scene: Scene,
) -> None:
    ended = scene.wait(bounds=Bounds(limit=600))
    assert ended.reason == "time limit"
    said = wait_show.event_text(ended)
    assert "a mail to the signer says why it was rejected" in said
    assert "could not verify the signature and dropped it: check that the key" in said


def test_the_versions_and_hashes_of_the_binaries_are_kept_for_the_evidence(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there, "amd64", binaries={"app": b"amd64", "app-dbgsym": b"no package"})
    scene.farm.build(there, "i386", binaries={"app": b"i386"})
    scene.wait()
    record = published.read(published.path_of(scene.work, "xenial", "app"))
    assert (record.version, record.ppa) == ("1.0-1~ppa1", "ppa:me/sru")
    assert [build.arch for build in record.builds] == ["amd64", "i386"]
    assert [(binary.file, binary.arch, binary.size) for binary in record.binaries] == [
        ("app_1.0-1~ppa1_amd64.deb", "amd64", 5),
        ("app_1.0-1~ppa1_i386.deb", "i386", 4),
    ]
    assert record.binaries[0].sha256 == hashlib.sha256(b"amd64").hexdigest()
    assert published.read_all(scene.work, "ppa:me/sru", scene.client.root) == (record,)
    assert published.read_all(scene.work, "ppa:me/other", scene.client.root) == ()


def test_a_record_that_still_holds_keeps_its_time_and_another_one_replaces_it(scene: Scene) -> None:
    scene.farm.build(scene.accept())
    scene.wait()
    path = published.path_of(scene.work, "xenial", "app")
    old = replace(published.read(path), seen="2026-01-01T00:00:00+00:00")
    path.unlink()
    published.write(scene.work, old)

    scene.wait()
    assert published.read(path) == old

    path.unlink()
    published.write(scene.work, replace(old, version="0.9"))
    scene.wait()
    assert published.read(path).version == APP.version
    assert published.read(path).seen != old.seen


def test_a_package_for_all_architectures_is_kept_once(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there, "amd64", indep=True)
    scene.farm.build(there, "i386", indep=True)
    scene.wait()
    record = published.read(published.path_of(scene.work, "xenial", "app"))
    assert [binary.file for binary in record.binaries] == ["app_1.0-1~ppa1_all.deb"]


def test_a_failed_build_ends_with_its_state_its_logs_address_and_its_tail(scene: Scene) -> None:
    scene.farm.build(scene.accept(), "amd64", ends("Failed to build"), log=LOG)
    assert scene.wait().reason == "failed"
    (failed,) = scene.failed()
    assert failed.row.state == "Failed to build"
    assert "/+files/buildlog_ubuntu-app.txt.gz" in failed.log
    assert failed.tail.lines == ("line 97", "line 98", "line 99")
    assert failed.tail.trouble == ""
    assert not published.path_of(scene.work, "xenial", "app").exists()


def test_one_failed_architecture_does_not_end_the_wait_for_the_others(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there, "amd64")
    scene.farm.build(there, "armhf", ends("Failed to build", 100))
    assert scene.wait().reason == "failed"
    assert scene.phases("amd64")[-1] == "published"
    assert len(scene.failed()) == 1


def test_a_dependency_wait_is_no_failure(scene: Scene) -> None:
    scene.farm.build(scene.accept(LIB))
    late = ((0.0, "Dependency wait"), (900.0, "Needs building"), *[(a + 901, b) for a, b in GOOD])
    scene.farm.build(scene.accept(), "amd64", late, dependencies="python-lib (>= 2.0)")
    assert scene.wait(APP, LIB).reason == "all published"
    waits = [event.row for event in scene.events if isinstance(event, Changed)]
    (wait,) = [row for row in waits if row.phase == "dependency wait"]
    assert wait.detail == "python-lib (>= 2.0)"
    assert scene.failed() == []


def test_a_dependency_wait_that_nothing_can_end_is_not_waited_out(scene: Scene) -> None:
    scene.farm.build(scene.accept(LIB), "amd64", ends("Failed to build"))
    scene.farm.build(scene.accept(), "amd64", ((0.0, "Dependency wait"),), dependencies="lib")
    ended = scene.wait(APP, LIB)
    assert ended.reason == "stuck"
    assert scene.farm.now < 600
    assert "xenial/app 1.0-1~ppa1 amd64: dependency wait (lib)" in wait_show.event_text(ended)


@pytest.mark.parametrize(
    ("state", "log"),
    [("Chroot problem", LOG), ("Failed to upload", LOG), ("Failed to build", None)],
    ids=["chroot", "upload", "a lost builder"],
)
def test_a_build_that_failed_for_the_farms_sake_is_started_again(
    scene: Scene, state: str, log: bytes | None
) -> None:
    job = scene.farm.build(scene.accept(), "amd64", ends(state), GOOD, log=log)
    assert scene.wait().reason == "all published"
    assert job.retries == 1
    assert scene.failed() == []


def test_an_upload_of_binaries_that_was_rejected_is_a_failure_of_the_package(scene: Scene) -> None:
    job = scene.farm.build(
        scene.accept(),
        "amd64",
        ends("Failed to upload"),
        upload_log=b"start\nRejected:\napp: Version older than that in the archive.\n",
    )
    assert scene.wait().reason == "failed"
    assert job.retries == 0
    (failed,) = scene.failed()
    assert failed.tail.lines[-1] == "app: Version older than that in the archive."


def test_a_build_is_started_again_a_bounded_number_of_times_over_all_waits(scene: Scene) -> None:
    job = scene.farm.build(scene.accept(), "amd64", ends("Chroot problem"))
    assert scene.wait(bounds=Bounds(retries=2)).reason == "failed"
    assert job.retries == 2
    assert scene.wait(bounds=Bounds(retries=2)).reason == "failed"
    assert job.retries == 2
    assert "started again 2 times" in scene.failed()[-1].row.detail


def test_without_retries_a_farms_problem_is_a_failure_at_once(scene: Scene) -> None:
    job = scene.farm.build(scene.accept(), "amd64", ends("Chroot problem"))
    assert scene.wait(bounds=Bounds(retries=0)).reason == "failed"
    assert job.retries == 0
    (failed,) = scene.failed()
    assert failed.row.detail == "a problem of the build farm; --retries 0: not started again"


def test_without_the_right_to_start_a_build_again_it_counts_as_failed(scene: Scene) -> None:
    scene.standin.faults.add(Fault("status", on="POST .*/\\+build/", status=401, body="No."))
    scene.farm.build(scene.accept(), "amd64", ends("Chroot problem"))
    assert scene.wait().reason == "failed"
    assert "refuses it (401): No" in scene.failed()[0].row.detail


def test_a_wait_that_was_broken_off_goes_on(scene: Scene) -> None:
    scene.farm.build(scene.accept())
    assert scene.wait(bounds=Bounds(limit=100)).reason == "time limit"
    scene.events.clear()
    assert scene.wait().reason == "all published"
    assert scene.phases()[0] == "building"


def test_a_source_that_was_superseded_or_deleted_is_told(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there)
    scene.farm.now = 100.0
    scene.farm.advance()
    there.values["status"] = "Deleted"
    ended = scene.wait()
    assert ended.reason == "failed"
    assert "the source package is deleted" in wait_show.event_text(ended)


def test_a_source_that_was_superseded_after_its_binaries_came_is_told_at_once(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there)
    scene.farm.now = 1000.0
    scene.farm.advance()
    there.values["status"] = "Superseded"
    assert scene.wait().reason == "failed"
    assert scene.farm.now == 1000.0
    assert not published.path_of(scene.work, "xenial", "app").exists()


def test_a_source_that_is_pending_is_not_published_though_its_binaries_are(scene: Scene) -> None:
    there = scene.farm.accept(scene.archive, "xenial", "app", APP.version, publish_after=900.0)
    scene.farm.build(there)
    assert scene.wait().reason == "all published"
    assert scene.farm.now == 900.0


@pytest.mark.parametrize("kind", ["html", "truncated", "reset"])
def test_a_log_that_cannot_be_read_is_told_and_does_not_stop_the_wait(
    scene: Scene, kind: str
) -> None:
    scene.farm.build(scene.accept(), "amd64", ends("Failed to build"), log=LOG)
    scene.standin.faults.add(Fault(kind, on="GET /librarian/", times=-1))  # type: ignore[arg-type]
    assert scene.wait().reason == "failed"
    (failed,) = scene.failed()
    assert failed.tail.trouble
    assert "/+files/buildlog" in failed.log


def test_launchpad_may_be_away_for_a_while(scene: Scene) -> None:
    scene.farm.build(scene.accept())
    fault = Fault("status", on="getBuilds", status=503, times=-1)

    def then(second: float) -> None:
        if second == 120:
            scene.standin.faults.add(fault)
        if second == 300:
            scene.standin.faults.clear()

    assert scene.wait(then=then).reason == "all published"
    assert "answered 503 Service Unavailable, 4 times" in scene.notes()[0]


def test_launchpad_that_stays_away_ends_the_wait_in_one_sentence(scene: Scene) -> None:
    scene.farm.build(scene.accept())

    def then(second: float) -> None:
        assert second < 1000, "the wait goes on without an end"
        scene.standin.faults.add(Fault("status", on="getBuilds", status=500, times=-1))

    with pytest.raises(RemoteError, match=r"the builds of xenial/app .* answered 500") as caught:
        scene.wait(bounds=Bounds(outage=150), then=then)
    assert caught.value.exit_code == 6
    assert scene.farm.now < 400
    scene.standin.faults.clear()


def test_a_ppa_that_does_not_exist_ends_the_wait(scene: Scene) -> None:
    del scene.farm.world.entries[scene.archive]
    with pytest.raises(RefusedError, match="does not know it"):
        scene.wait()


def test_a_damaged_state_of_an_earlier_wait_is_told(scene: Scene) -> None:
    scene.work.mkdir()
    (scene.work / "wait.json").write_text("{")
    with pytest.raises(InputError, match="earlier wait"):
        scene.wait()


def test_a_state_that_is_not_known_here_is_waited_for() -> None:
    assert phase(Build("amd64", "Polishing", "", "")) == "queued"


def test_the_events_are_json_lines_and_text(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there, "amd64")
    scene.farm.build(there, "i386", ends("Failed to build"), log=b"\x1b[31mred\x07\n")
    scene.wait()
    out = io.StringIO()
    with wait_show.shown("json", out) as sink:
        for event in scene.events:
            sink(event)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {line["event"] for line in lines} == {"build", "failed", "waited"}
    (failed,) = [line for line in lines if line["event"] == "failed"]
    assert failed["tail"] == ["\x1b[31mred\x07"]
    assert lines[-1]["reason"] == "failed"
    quiet = io.StringIO()
    with wait_show.shown("quiet", quiet) as sink:
        for event in scene.events:
            sink(event)
    assert "queued" not in quiet.getvalue()
    assert "Failed to build" in quiet.getvalue()


def test_the_table_has_a_row_for_each_upload_with_all_of_its_builds(scene: Scene) -> None:
    there = scene.accept()
    scene.farm.build(there, "amd64")
    scene.farm.build(there, "i386", ends("Failed to build"))
    scene.wait()
    table = wait_show.WaitTable(Console(file=io.StringIO()))
    for event in scene.events:
        table.show(event)
    out = io.StringIO()
    Console(file=out, width=100).print(table._render())
    assert "amd64 published" in out.getvalue()
    assert "i386 failed" in out.getvalue()
    assert [type(one) for one in table.after] == [BuildFailed, Ended]
