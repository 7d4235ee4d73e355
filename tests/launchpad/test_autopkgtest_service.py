from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backport.cli import main
from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import RemoteError
from backport.launchpad.autopkgtest import results, service
from backport.launchpad.autopkgtest.service import Request, RunAnswer
from backport.launchpad.autopkgtest.verdicts import ServiceRun
from backport.launchpad.upload import journal
from backport.launchpad.upload.ppa import PpaName
from backport.recipe import reader as recipe_file
from backport.testbed.result import OneTest
from tests.launchpad.conftest import QUICK
from tests.support import recipes
from tests.support.autopkgtest_results import log_gz, put, result_tar
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_builds import Farm
from tests.support.recipes import SourceSpec, Spec
from tests.support.uploads import upload_record

PPA = PpaName("me", "sru")
VERSION = "1.0-1ubuntu0.16.04.1~ppa1"
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
    ("tar", "said"),
    [
        (result_tar(0, VERSION, "smoke PASS\n"), "no answer came from: race"),
        (b"no tar at all", "result.tar is damaged or ends early"),
        (result_tar(0, VERSION, PASS)[:700], "result.tar"),
        (result_tar(0, VERSION, PASS, exitcode=b""), "result.tar has no exitcode"),
        (result_tar(0, VERSION, PASS, exitcode=b"good"), "cannot be understood"),
    ],
)
def test_a_damaged_result_has_passed_nothing_and_no_older_one_hides_it(
    read: Read, world: World, tar: bytes, said: str
) -> None:
    put(world, "20261121_000000", result_tar(0, VERSION, PASS))
    put(world, "20261122_000000", tar)
    tested = read()
    assert isinstance(tested.verdict, Broken)
    assert said in tested.verdict.detail
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
    found = service.control_verdict("race", RunAnswer("1~unpatched1", (), 4, tests))
    assert isinstance(found, kind)


# ------------------------------------------------------------------ the command

SPEC = Spec(
    sources=(
        SourceSpec("app", base="1.0-1", series=("xenial",), quilt={"series": ("lock.patch",)}),
    ),
    series=("xenial",),
    variants={"unpatched": ("app",)},
    matrix=(
        {"name": "smoke", "source": "app"},
        {
            "name": "race",
            "source": "app",
            "control": {"test": "race-control", "variant": "unpatched"},
        },
    ),
)


@pytest.fixture
def recipe(standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", standin.root)
    monkeypatch.setenv("BACKPORT_AUTOPKGTEST_RESULTS", f"{standin.root}results")
    content: dict[str, Any] = recipes.data(SPEC)
    content["update"]["ppa"] = "me/sru"
    path = recipes.write(tmp_path, SPEC, content)
    (tmp_path / "autopkgtest/app/control").write_text("Tests: smoke, race\nDepends: @\n")
    matrix = tmp_path / "autopkgtest/matrix"
    matrix.mkdir(parents=True, exist_ok=True)
    (matrix / "control").write_text("Tests: race-control\nDepends: app\n")
    recipe_file.load(path)
    journal.write(tmp_path / "build", upload_record("app", VERSION, root=standin.root))
    return path


def run(recipe: Path, *more: str) -> int:
    cache = str(recipe.parent / "cache")
    words = ["test", "--on", "ppa", "--recipe", str(recipe), "--cache", cache, "--arch", "amd64"]
    return main([*words, *more])


CONTROL = ("--control-ppa", "me/throw-away")
WITHOUT = f"{VERSION}~unpatched1"
HARM = "smoke PASS\nrace FAIL it lost\n"


def kept(recipe: Path) -> dict[str, Any]:
    """The summary that was kept."""
    data: dict[str, Any] = json.loads((recipe.parent / "build/ppa-test/summary.json").read_text())
    return data


def test_the_addresses_are_printed_and_the_control_is_said_not_to_have_run(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe) == 0
    out = capsys.readouterr().out
    assert f"  {REQUEST.url}\n" in out
    assert kept(recipe)["tests"][0]["verdict"] == "skipped"
    assert not (recipe.parent / "build/ppa-test/xenial").exists()
    assert "control of race (xenial/app on amd64): skipped: control not run: name a PPA" in out
    assert run(recipe, "--strict", "--quiet") == 4


def test_results_and_the_control_from_a_second_ppa_are_read_and_stay(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS), log=log_gz(PASS))
    farm = Farm(world)
    archive = farm.ppa("me", "throw-away")
    assert run(recipe, *CONTROL, "--strict") == 4
    assert "control not run: ppa:me/throw-away has no app for xenial" in capsys.readouterr().out
    other = farm.accept(archive, "xenial", "app", "1.0-1ubuntu0.16.04.9~unpatched1")
    assert run(recipe, *CONTROL) == 0
    assert "which is not unpatched of 1.0-1ubuntu0.16.04.1" in capsys.readouterr().out
    other.values["status"] = "Deleted"
    farm.accept(archive, "xenial", "app", WITHOUT)
    assert run(recipe, *CONTROL, "--strict") == 4
    assert "no result yet" in capsys.readouterr().out
    put(world, "20261122_111111", result_tar(4, WITHOUT, HARM), ppa="me-throw-away")
    assert run(recipe, *CONTROL, "--strict") == 0
    out = capsys.readouterr().out
    assert "xenial/app on amd64: passed: 2 tests" in out
    assert "control of race (xenial/app on amd64): passed: it sees the harm" in out
    summary = kept(recipe)
    assert summary["tests"][0]["each"]["race"]["verdict"] == "passed"
    assert Store(recipe.parent / "build").last("ppa-test/xenial/app@amd64+unpatched")
    # The throw-away PPA may go.
    for entry in world.all("source_package_publishing_history"):
        entry.values["status"] = "Deleted"
    assert run(recipe, *CONTROL) == 0
    assert "has no app for xenial" in capsys.readouterr().out
    (row,) = kept(recipe)["controls"]
    assert row == summary["controls"][0]
    assert (row["verdict"], row["version"], row["control"]) == ("passed", WITHOUT, "race-control")


def test_a_call_for_one_architecture_keeps_what_is_known_of_the_others(
    recipe: Path, world: World
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS), log=log_gz(PASS))
    tar = result_tar(4, VERSION, "smoke FAIL it lost\nrace PASS\n")
    put(world, "20261122_000000", tar, where="xenial/arm64/a/app")
    assert run(recipe) == 0
    assert run(recipe, "--arch", "arm64") == 4
    rows = {row["arch"]: row for row in kept(recipe)["tests"]}
    assert {arch: row["verdict"] for arch, row in rows.items()} == {
        "amd64": "passed",
        "arm64": "failed",
    }
    assert rows["amd64"]["trigger"] == f"app/{VERSION}"
    assert rows["amd64"]["log_address"] == f"{rows['amd64']['result']}/log.gz"
    assert rows["arm64"]["log_address"] == ""
    # Another version of the source package: nothing of the old one stays.
    old = journal.read(recipe.parent / "build", "ppa:me/sru", kept(recipe)["launchpad"])[0]
    fresh = f"{VERSION[:-1]}2"
    journal.write(recipe.parent / "build", replace(old, version=fresh))
    assert run(recipe) == 0
    assert [(row["arch"], row["version"]) for row in kept(recipe)["tests"]] == [("amd64", fresh)]


def test_a_control_in_the_updates_own_ppa_is_refused(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe, "--control-ppa", "me/sru") == 2
    assert "the control needs a PPA of its own" in capsys.readouterr().err
