from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import RemoteError
from backport.launchpad.archive.publication import PpaName
from backport.launchpad.autopkgtest import results, service
from backport.launchpad.autopkgtest.service import Request, RunAnswer
from backport.launchpad.autopkgtest.verdicts import ServiceRun
from backport.launchpad.upload import journal
from backport.testbed.result import OneTest
from tests.launchpad.conftest import QUICK
from tests.launchpad.scene import VERSION, Scene
from tests.support.autopkgtest_results import log_gz, put, result_tar
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.uploads import upload_record

PPA = PpaName("me", "sru")
REQUEST = Request("app", "xenial", "amd64", VERSION, PPA)
PASS = "smoke PASS\nrace PASS\n"


Read = Callable[[], ServiceRun]


@pytest.fixture
def read(standin: StandIn, tmp_path: Path) -> Read:
    """Reads what the service has of the request."""

    def read() -> ServiceRun:
        reader = results.Reader(f"{standin.root}results", QUICK)
        return results.read(reader, REQUEST, ("smoke", "race"), Store(tmp_path))

    return read


def test_the_address_names_release_architecture_package_ppa_and_trigger() -> None:
    plus = Request("app", "xenial", "s390x", "1:1.0+x-1~ppa1", PPA)
    assert plus.url == (
        "https://autopkgtest.ubuntu.com/request.cgi?release=xenial&arch=s390x&package=app"
        "&ppa=me/sru&trigger=app/1%3A1.0%2Bx-1~ppa1"
    )


def test_the_newest_result_of_this_very_version_is_kept_like_a_step(
    read: Read, world: World, tmp_path: Path
) -> None:
    put(world, "20261121_000000_aaaaa", result_tar(4, VERSION, "smoke PASS\nrace FAIL it lost\n"))
    put(world, "20261122_000000_bbbbb", result_tar(0, VERSION, PASS), log=log_gz(PASS))
    put(world, "20261123_000000_ccccc", result_tar(4, "0.9-1", "smoke FAIL old\n"))
    for other in ("i386/a/app", "amd64/liba/liba"):
        put(
            world,
            "20261124_000000",
            result_tar(4, VERSION, "smoke FAIL\n"),
            where=f"xenial/{other}",
        )
    world.files["/results/autopkgtest-xenial-me-sru/"] += b"nonsense\n<html>\n../../etc/2@/x\n"
    tested = read()
    assert tested.verdict == Passed("2 tests")
    assert tested.result.endswith("/xenial/amd64/a/app/20261122_000000_bbbbb@")
    kept = Store(tmp_path).last("ppa-test/xenial/app@amd64")
    assert kept is not None
    assert kept.verdict == Passed("2 tests")
    assert tested.trigger == f"app/{VERSION}"
    assert (tmp_path / tested.file).is_file()


@pytest.mark.parametrize("before", ["", " 12s "])
def test_the_summary_is_taken_from_the_log_where_the_result_has_none(
    read: Read, world: World, before: str
) -> None:
    log = log_gz("smoke PASS\nrace FAIL non-zero exit status 1", before)
    put(world, "20261122_000000", result_tar(4, VERSION, ""), log=log)
    tested = read()
    assert isinstance(tested.verdict, Failed)
    assert tested.each["smoke"] == Passed()
    assert tested.log_address == f"{tested.result}/log.gz"


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (result_tar(0, VERSION, "smoke PASS\n"), "no answer came from: race"),
        (b"no tar at all", "result.tar is damaged or ends early"),
        (result_tar(0, VERSION, PASS)[:700], "result.tar"),
        (result_tar(0, VERSION, PASS, exitcode=b""), "result.tar has no exitcode"),
        (result_tar(0, VERSION, PASS, exitcode=b"good"), "cannot be understood"),
    ],
)
def test_a_damaged_result_has_passed_nothing_and_no_older_one_hides_it(
    read: Read, world: World, tar: bytes, message: str
) -> None:
    put(world, "20261121_000000", result_tar(0, VERSION, PASS))
    put(world, "20261122_000000", tar)
    tested = read()
    assert isinstance(tested.verdict, Broken)
    assert message in tested.verdict.detail
    assert tested.each == dict.fromkeys(("smoke", "race"), tested.verdict)


@pytest.mark.parametrize(
    ("exit_code", "summary", "expected"),
    [(0, "smoke PASS\nrace FAIL it lost\n", [Broken, Failed]), (12, "", [Failed, Failed])],
    ids=["the whole is broken", "it cannot be tested"],
)
def test_a_test_that_failed_stays_failed_and_else_the_whole_counts(
    read: Read, world: World, exit_code: int, summary: str, expected: list[type]
) -> None:
    put(world, "20261122_000000", result_tar(exit_code, VERSION, summary))
    each = read().each
    assert [type(each[name]) for name in ("smoke", "race")] == expected


def test_a_service_that_gives_no_answer_ends_in_one_sentence(
    read: Read, standin: StandIn, world: World
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS))
    standin.faults.add(Fault("html", on="result.tar"))
    assert read().verdict == Passed("2 tests")
    standin.faults.add(Fault("html", on="result.tar", times=-1))
    with pytest.raises(RemoteError, match="a web page instead of the file"):
        read()
    standin.stop()
    with pytest.raises(RemoteError, match="the connection is refused"):
        read()


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (Failed("test", "it lost"), Passed),
        (Failed("stderr", "stderr: it lost"), Passed),
        (Failed("install", "no such package"), Broken),
        (Failed("timeout", "too long"), Broken),
        (Passed(), Broken),
        (Skipped("no reason"), Broken),
        (Broken("testbed"), Broken),
        (None, Broken),
    ],
)
def test_a_control_passes_only_when_the_test_itself_fails_without_the_patch(
    seen: Verdict | None, kind: type[Verdict]
) -> None:
    tests = (OneTest("race", seen),) if seen else ()
    made = service.control_verdict("race", RunAnswer("1~unpatched1", (), 4, tests))
    assert isinstance(made, kind)


def run(scene: Scene, *words: str) -> tuple[int, str]:
    """Run ``backport test --on ppa`` for amd64: exit code and all output."""
    code, out, err = scene.run("test", "--on", "ppa", "--arch", "amd64", *words)
    return code, out + err


CONTROL = ("--control-ppa", "me/throw-away")
WITHOUT = f"{VERSION}~unpatched1"
HARM = "smoke PASS\nrace FAIL it lost\n"


def kept(scene: Scene) -> dict[str, Any]:
    """The summary that was kept."""
    data: dict[str, Any] = json.loads((scene.root / "build/ppa-test/summary.json").read_text())
    return data


def test_the_addresses_are_printed_and_the_control_is_said_not_to_have_run(scene: Scene) -> None:
    code, out = run(scene)
    assert code == 0
    assert f"  {REQUEST.url}\n" in out
    assert "control of race (xenial/app on amd64): skipped: control not run: name a PPA" in out
    assert kept(scene)["tests"][0]["verdict"]["verdict"] == "skipped"
    assert not (scene.root / "build/ppa-test/xenial").exists()
    assert run(scene, "--strict", "--quiet")[0] == 4
    code, out = run(scene, "--control-ppa", "me/sru")
    assert (code, "the control needs a PPA of its own" in out) == (2, True)


@pytest.mark.parametrize("words", [("--offline",), ("--test", "smoke"), ("--long",)])
def test_what_the_service_cannot_follow_is_refused_before_it_is_asked(
    scene: Scene, words: tuple[str, ...]
) -> None:
    code, out = run(scene, *words)
    assert (code, f"{words[0]}: Ubuntu's service runs all tests" in out) == (2, True)
    assert scene.standin.requests == []


def test_a_folder_outside_that_was_allowed_is_read(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    patch = scene.root / "patches/app/lock.patch"
    patch.rename(outside / "lock.patch")
    patch.symlink_to(outside / "lock.patch")
    assert run(scene)[0] == 3
    assert run(scene, "--outside", str(outside))[0] == 0


def test_results_and_the_control_from_a_second_ppa_are_read_and_stay(
    scene: Scene, world: World
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS), log=log_gz(PASS))
    archive = scene.farm.ppa("me", "throw-away")

    def ran(*words: str, exit_code: int) -> str:
        code, out = run(scene, *CONTROL, *words)
        assert code == exit_code, out
        return out

    why = "control not run: ppa:me/throw-away has no app for xenial"
    assert why in ran("--strict", exit_code=4)
    other = scene.farm.accept(archive, "xenial", "app", "1.0-1ubuntu0.16.04.9~unpatched1")
    assert "which is not unpatched of 1.0-1ubuntu0.16.04.1" in ran(exit_code=0)
    other.values["status"] = "Deleted"
    scene.farm.accept(archive, "xenial", "app", WITHOUT)
    assert "no result yet" in ran("--strict", exit_code=4)
    put(world, "20261122_111111", result_tar(4, WITHOUT, HARM), ppa="me-throw-away")
    out = ran("--strict", exit_code=0)
    assert "xenial/app on amd64: passed: 2 tests" in out
    assert "control of race (xenial/app on amd64): passed: it sees the harm" in out
    summary = kept(scene)
    assert summary["tests"][0]["each"]["race"]["verdict"] == "passed"
    assert Store(scene.root / "build").last("ppa-test/xenial/app@amd64+unpatched")
    # The throw-away PPA may go.
    for entry in world.all("source_package_publishing_history"):
        entry.values["status"] = "Deleted"
    assert "has no app for xenial" in ran(exit_code=0)
    (row,) = kept(scene)["controls"]
    assert row == summary["controls"][0]
    assert (row["version"], row["control"]) == (WITHOUT, "race-control")


def test_a_call_for_one_architecture_keeps_what_is_known_of_the_others(
    scene: Scene, world: World
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS), log=log_gz(PASS))
    tar = result_tar(4, VERSION, "smoke FAIL it lost\nrace PASS\n")
    put(world, "20261122_000000", tar, where="xenial/arm64/a/app")
    assert run(scene)[0] == 0
    assert run(scene, "--arch", "arm64")[0] == 4
    amd64, arm64 = kept(scene)["tests"]
    assert (amd64["verdict"]["verdict"], arm64["verdict"]["verdict"]) == ("passed", "failed")
    assert amd64["trigger"] == f"app/{VERSION}"
    assert amd64["log_address"] == f"{amd64['result']}/log.gz"
    assert (arm64["arch"], arm64["log_address"]) == ("arm64", "")
    # Another version of the source package: nothing of the old one stays.
    fresh = f"{VERSION[:-1]}2"
    newer = upload_record("app", fresh, root=scene.standin.root)
    journal.write(scene.root / "build", newer)
    assert run(scene)[0] == 0
    assert [(row["arch"], row["version"]) for row in kept(scene)["tests"]] == [("amd64", fresh)]
