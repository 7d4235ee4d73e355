from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backport.cli import main
from backport.engine import outputs
from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import RemoteError
from backport.launchpad.autopkgtest import results, service
from backport.launchpad.autopkgtest.service import Request, RunAnswer
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


@pytest.fixture
def reader(standin: StandIn) -> results.Reader:
    return results.Reader(f"{standin.root}results", QUICK, lambda _: None)


def read(reader: results.Reader, folder: Path, request: Request = REQUEST) -> results.RequestResult:
    return results.read(reader, request, ("smoke", "race"), Store(folder))


def test_the_address_names_release_architecture_package_ppa_and_trigger() -> None:
    plus = Request("app", "xenial", "s390x", "1:1.0+x-1~ppa1", PPA)
    assert plus.url == (
        "https://autopkgtest.ubuntu.com/request.cgi?release=xenial&arch=s390x&package=app"
        "&ppa=me/sru&trigger=app/1%3A1.0%2Bx-1~ppa1"
    )


def test_there_is_a_request_for_every_source_series_and_architecture() -> None:
    found = service.requests([("a", "x", "1"), ("b", "y", "2")], ("amd64", "i386"), PPA)
    assert [(one.source, one.arch) for one in found] == [
        ("a", "amd64"),
        ("a", "i386"),
        ("b", "amd64"),
        ("b", "i386"),
    ]


def test_the_list_of_results_is_read_newest_first_and_other_lines_are_left_out() -> None:
    listing = """xenial/amd64/a/app/20261120_101010_abcde@/log.gz
xenial/amd64/a/app/20261120_101010_abcde@/result.tar
xenial/i386/liba/liba/20261122_000000@
nonsense
<html>
../../etc/20261122_000000@/result.tar
"""
    assert [(one.source, one.arch, one.stamp) for one in service.runs(listing)] == [
        ("liba", "i386", "20261122_000000@"),
        ("app", "amd64", "20261120_101010_abcde@"),
    ]


def test_without_a_result_the_address_is_told_and_nothing_passes(
    reader: results.Reader, tmp_path: Path
) -> None:
    tested = read(reader, tmp_path)
    assert tested.verdict == Skipped(f"no result yet; request it: {REQUEST.url}")
    assert not (tmp_path / "ppa-test").exists()


def test_the_newest_result_of_this_very_version_is_kept_like_a_step(
    reader: results.Reader, world: World, tmp_path: Path
) -> None:
    put(world, "20261121_000000_aaaaa", result_tar(4, VERSION, "smoke PASS\nrace FAIL it lost\n"))
    put(world, "20261122_000000_bbbbb", result_tar(0, VERSION, PASS), log=log_gz(PASS))
    put(world, "20261123_000000_ccccc", result_tar(4, "0.9-1", "smoke FAIL old\n"))
    tested = read(reader, tmp_path)
    assert tested.verdict == Passed("2 tests")
    assert tested.url.endswith("/xenial/amd64/a/app/20261122_000000_bbbbb@")
    kept = Store(tmp_path).last("ppa-test/xenial/app@amd64")
    assert kept is not None
    assert kept.verdict == Passed("2 tests")
    about = json.loads((tmp_path / "ppa-test/xenial/app@amd64/result.json").read_text())
    assert (about["version"], about["triggers"]) == (VERSION, f"app/{VERSION}")
    assert (tmp_path / "ppa-test/xenial/app@amd64/log.gz").is_file()


@pytest.mark.parametrize("before", ["", " 12s "])
def test_the_summary_is_taken_from_the_log_where_the_result_has_none(
    reader: results.Reader, world: World, tmp_path: Path, before: str
) -> None:
    tar = result_tar(4, VERSION, "")
    log = log_gz("smoke PASS\nrace FAIL non-zero exit status 1", before)
    put(world, "20261122_000000", tar, log=log)
    tested = read(reader, tmp_path)
    assert isinstance(tested.verdict, Failed)
    assert dict(tested.tests)["smoke"] == Passed()
    assert tested.log == f"{tested.url}/log.gz"


def test_a_status_that_the_summary_contradicts_is_broken(
    reader: results.Reader, world: World, tmp_path: Path
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, "smoke PASS\n"))
    tested = read(reader, tmp_path)
    assert tested.verdict == Broken("no answer came from: race")
    # What contradicts itself has passed nothing.
    assert dict(tested.tests) == dict.fromkeys(("smoke", "race"), tested.verdict)


@pytest.mark.parametrize(
    ("tar", "said"),
    [
        (b"no tar at all", "result.tar is damaged or ends early"),
        (result_tar(0, VERSION, PASS)[:700], "result.tar"),
        (result_tar(0, VERSION, PASS, exitcode=b""), "result.tar has no exitcode"),
        (result_tar(0, VERSION, PASS, exitcode=b"good"), "cannot be understood"),
    ],
)
def test_a_damaged_result_is_broken_and_no_older_one_hides_it(
    reader: results.Reader, world: World, tmp_path: Path, tar: bytes, said: str
) -> None:
    put(world, "20261121_000000", result_tar(0, VERSION, PASS))
    put(world, "20261122_000000", tar)
    tested = read(reader, tmp_path)
    made = tested.verdict
    assert isinstance(made, Broken)
    assert said in made.detail
    assert dict(tested.tests) == {"smoke": made, "race": made}


def test_a_test_that_failed_stays_failed_where_the_whole_is_broken(
    reader: results.Reader, world: World, tmp_path: Path
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, "smoke PASS\nrace FAIL it lost\n"))
    each = dict(read(reader, tmp_path).tests)
    assert isinstance(each["smoke"], Broken)
    assert each["race"] == Failed("test", "it lost")


def test_a_package_that_cannot_be_tested_fails_every_test(
    reader: results.Reader, world: World, tmp_path: Path
) -> None:
    put(world, "20261122_000000", result_tar(12, VERSION, ""))
    each = dict(read(reader, tmp_path).tests)
    assert {type(one) for one in each.values()} == {Failed}
    assert set(each) == {"smoke", "race"}


def test_a_web_page_in_place_of_a_result_is_an_error_in_one_sentence(
    reader: results.Reader, standin: StandIn, world: World, tmp_path: Path
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS))
    standin.faults.add(Fault("html", on="result.tar", times=1))
    assert read(reader, tmp_path).verdict == Passed("2 tests")
    standin.faults.add(Fault("html", on="result.tar", times=-1))
    with pytest.raises(RemoteError, match="a web page instead of the file") as caught:
        read(reader, tmp_path)
    assert caught.value.exit_code == 6
    standin.faults.clear()


def answer(verdict: Verdict) -> RunAnswer:
    return RunAnswer("1~unpatched1", (), 4, (OneTest("race", verdict),))


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
    ],
)
def test_a_control_passes_only_when_the_test_itself_fails_without_the_patch(
    seen: Verdict, kind: type[Verdict]
) -> None:
    assert isinstance(service.control_verdict("race", answer(seen)), kind)


def test_a_control_without_an_answer_is_broken() -> None:
    assert isinstance(service.control_verdict("other", answer(Passed())), Broken)


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


def test_the_addresses_are_printed_and_the_control_is_said_not_to_have_run(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe) == 0
    out = capsys.readouterr().out
    assert f"  {REQUEST.url}\n" in out
    assert "control of race (xenial/app): skipped: control not run: name a PPA" in out
    assert "1 requests: 1 skipped" in out
    assert run(recipe, "--strict", "--quiet") == 4


def test_results_and_the_control_from_a_second_ppa_are_read(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    put(world, "20261122_000000_bbbbb", result_tar(0, VERSION, PASS))
    farm = Farm(world)
    archive = farm.ppa("me", "throw-away")
    words = ("--control-ppa", "me/throw-away", "--strict")
    assert run(recipe, *words) == 4
    assert "control not run: ppa:me/throw-away has no app for xenial" in capsys.readouterr().out
    without = f"{VERSION}~unpatched1"
    farm.accept(archive, "xenial", "app", without)
    assert run(recipe, *words) == 4
    assert "no result yet" in capsys.readouterr().out
    summary = "smoke PASS\nrace FAIL non-zero exit status 1\n"
    tar = result_tar(4, without, summary)
    put(world, "20261122_111111_ccccc", tar, ppa="me-throw-away")
    assert run(recipe, *words) == 0
    out = capsys.readouterr().out
    assert "xenial/app on amd64: passed: 2 tests" in out
    assert "control of race (xenial/app): passed: it sees the harm" in out
    kept = json.loads((recipe.parent / "build/ppa-test/summary.json").read_text())
    assert kept["tests"][0]["each"]["race"]["verdict"] == "passed"
    assert kept["controls"][0]["version"] == without
    assert Store(recipe.parent / "build").last("ppa-test/xenial/app@amd64+unpatched")


def test_a_control_that_does_not_see_the_harm_or_is_of_another_build_never_passes(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS))
    farm = Farm(world)
    archive = farm.ppa("me", "throw-away")
    farm.accept(archive, "xenial", "app", VERSION)
    words = ("--control-ppa", "me/throw-away")
    assert run(recipe, *words) == 0
    assert "control not run: ppa:me/throw-away has" in capsys.readouterr().out
    farm.accept(archive, "xenial", "app", "1.0-1ubuntu0.16.04.9~unpatched1")
    tar = result_tar(4, "1.0-1ubuntu0.16.04.9~unpatched1", "smoke PASS\nrace FAIL it lost\n")
    put(world, "20261122_111111", tar, ppa="me-throw-away")
    assert run(recipe, *words) == 0
    assert "which is not unpatched of 1.0-1ubuntu0.16.04.1" in capsys.readouterr().out
    for entry in world.all("source_package_publishing_history"):
        if "0.16.04.9" in entry.values["source_package_version"]:
            entry.values["status"] = "Deleted"
    without = f"{VERSION}~unpatched1"
    farm.accept(archive, "xenial", "app", f"{VERSION[:-1]}2~unpatched1")
    put(world, "20261122_111111", result_tar(0, without, PASS), ppa="me-throw-away")
    put(
        world,
        "20261122_222222",
        result_tar(0, f"{VERSION[:-1]}2~unpatched1", PASS),
        ppa="me-throw-away",
    )
    assert run(recipe, *words) == 4
    assert "the control does not see the harm" in capsys.readouterr().out


def kept(recipe: Path) -> dict[str, Any]:
    """The summary that was kept."""
    data: dict[str, Any] = json.loads((recipe.parent / "build/ppa-test/summary.json").read_text())
    return data


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


def test_a_control_that_was_read_once_stays_when_its_ppa_is_gone(
    recipe: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    put(world, "20261122_000000", result_tar(0, VERSION, PASS))
    farm = Farm(world)
    archive = farm.ppa("me", "throw-away")
    without = f"{VERSION}~unpatched1"
    farm.accept(archive, "xenial", "app", without)
    tar = result_tar(4, without, "smoke PASS\nrace FAIL it lost\n")
    put(world, "20261122_111111", tar, ppa="me-throw-away")
    assert run(recipe, "--control-ppa", "me/throw-away") == 0
    for entry in world.all("source_package_publishing_history"):
        if entry.values["source_package_version"] == without:
            entry.values["status"] = "Deleted"
    assert run(recipe, "--control-ppa", "me/throw-away") == 0
    assert "has no app for xenial" in capsys.readouterr().out
    (row,) = kept(recipe)["controls"]
    assert (row["verdict"], row["version"], row["control"]) == ("passed", without, "race-control")


def test_a_test_that_is_shipped_under_another_name_is_read_under_the_recipes(
    recipe: Path, world: World
) -> None:
    made = recipe.parent / "build/source/xenial/app"
    made.mkdir(parents=True)
    (made / outputs.SHIPPED).write_text(json.dumps({"smoke": "backport-smoke"}))
    summary = "smoke FAIL the base has it too\nbackport-smoke PASS\nrace PASS\n"
    put(world, "20261122_000000", result_tar(4, VERSION, summary))
    assert run(recipe) == 4
    each = kept(recipe)["tests"][0]["each"]
    assert {name: one["verdict"] for name, one in each.items()} == {
        "smoke": "passed",
        "smoke (the base's own)": "failed",
        "race": "passed",
    }


def test_a_damaged_summary_is_told_before_anything_is_asked(
    recipe: Path, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe.parent / "build/ppa-test/summary.json"
    path.parent.mkdir()
    path.write_text('{"format": 2}')
    standin.requests.clear()
    assert run(recipe) == 3
    assert "this summary of the tests in the PPA cannot be read" in capsys.readouterr().err
    assert standin.requests == []


def test_an_architecture_or_control_that_cannot_be_is_refused(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe, "--arch", "m68k") == 2
    assert run(recipe, "--control-ppa", "me/sru") == 2
    assert "the control needs a PPA of its own" in capsys.readouterr().err


def test_a_service_that_is_away_ends_in_one_sentence(tmp_path: Path) -> None:
    away = results.Reader("http://127.0.0.1:9/results", QUICK, lambda _: None)
    with pytest.raises(RemoteError, match="the connection is refused") as caught:
        read(away, tmp_path)
    assert caught.value.exit_code == 6
