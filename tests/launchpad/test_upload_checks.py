"""What holds an upload back before anything leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from backport.engine.step import StepId
from backport.engine.verdict import Passed
from backport.sru import check as evidence
from tests.support.autopkgtest_results import log_gz, put, result_tar
from tests.support.launchpad_server.world_ppa import Arrived
from tests.support.upload_server.case import ARCHIVE, OWNER, PPA, Case

VERSION = "1.0-1ubuntu0.1"
ORIG = "greeter_1.0.orig.tar.gz"


def refused(case: Case, *args: str, check: str, exit_code: int) -> str:
    """Upload, which one check refuses; what it says. Nothing was signed or sent."""
    ran = case.upload(*args)
    assert ran.exit_code == exit_code, ran.out + ran.err
    assert ran.item("noble/greeter")["action"] == "refused"
    result = ran.check("noble/greeter", check)
    assert not result["holds"]
    assert case.intake.sessions == []
    assert not list((case.work / "uploads").glob("*.json"))
    return str(result["detail"])


def changed(before: str, after: str) -> Callable[[Case], object]:
    """Changes the recipe."""
    return lambda case: case.recipe.write_text(case.recipe.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("prepare", "check", "exit_code", "message"),
    [
        (changed("bug = ", 'as-of = "2026-01-01"\nbug = '),
         "archive", 3, "as of 2026-01-01"),
        (lambda case: case.ppas.publish(ARCHIVE, Arrived(
            "greeter", "1.0-1~older", "noble", case.fingerprint, {ORIG: b"other"}, ()),
            status="Deleted"),
         "tarball", 3, f"the PPA (noble) has another {ORIG} (sha256 "),
        (lambda case: case.world.publish("jammy", "greeter", "1.0-1", files={ORIG: b"other"}),
         "tarball", 3, f"the archive (jammy) has another {ORIG}"),
        (lambda case: [case.world.entries.pop(one.path)
         for one in case.world.all("source_package_publishing_history")],
         "pinned", 3, "has no record of greeter 1.0-1"),
        (lambda case: case.world.publish(
            "jammy", "greeter", "1.0-1", files={"greeter_1.0-1.dsc": b"another"}),
         "pinned", 3, "archive's own with: backport pin --update"),
        (changed("bug = ", 'key = "stranger@example.org"\nbug = '),
         "key", 5, "Launchpad's account tester does not have the key"),
        (lambda case: case.ppas.uploaders.update({ARCHIVE: {"somebody-else"}}),
         "account", 6, "no upload rights"),
    ],
    ids=["day", "tarball in the PPA", "tarball in the archive", "unknown .dsc", "another .dsc",
         "unknown key", "account"],
)  # fmt: skip
def test_what_launchpad_or_the_recipe_says_holds_it_back(
    case: Case, prepare: Callable[[Case], object], check: str, exit_code: int, message: str
) -> None:
    case.ready()
    prepare(case)
    assert message in refused(case, check=check, exit_code=exit_code)


def test_a_failed_test_holds_it_back_unless_forced_with_a_reason(case: Case) -> None:
    case.failing = ("test/noble/greeter.says",)
    case.ready()

    detail = refused(case, check="tests", exit_code=4)
    forced = case.upload("--force", "the testbed has no sound card")

    assert "(test/noble/greeter.says: failed: tests: it says nothing)" in detail
    assert forced.exit_code == 0, forced.err
    (record,) = case.records()
    assert record["forced"] == "the testbed has no sound card"
    assert record["steps"]["test/noble/greeter.says"] == "failed: tests: it says nothing"


def test_a_pass_on_the_farm_stands_in_place_of_a_local_failure(case: Case) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    case.failing = ("test/noble/helper.says",)
    case.ready()
    ran = case.upload("--source", "helper", "--force", "this machine is too small")
    assert ran.exit_code == 0, ran.err
    before = case.upload("--dry-run").check("noble/greeter", "tests")
    assert "(test/noble/helper.says: failed: tests: it says nothing)" in before["detail"]
    version = f"{VERSION}~ppa1"
    put(
        case.world, "20261122_000000_aaaaa", result_tar(0, version, "says PASS\n", source="helper"),
        ppa=f"{OWNER}-{PPA}", where="noble/amd64/h/helper", log=log_gz("says PASS\n"),
    )  # fmt: skip
    case.monkeypatch.setenv("BACKPORT_AUTOPKGTEST_RESULTS", f"{case.standin.root}results")
    ran = case.run("test", "--on", "ppa", "--source", "helper", "--arch", "amd64")
    assert ran.exit_code == 0, ran.err

    # What the farm says of another PPA or version does not help; one that failed there harms.
    path = case.work / "ppa-test/summary.json"
    good = json.loads(path.read_text())
    (row,) = good["tests"]
    lost = {"verdict": "failed", "stage": "test", "detail": "it lost"}
    failed = row | {"arch": "arm64", "each": {"says": lost}}
    for change, text in (
        ({"ppa": "ppa:other/one"}, "it says nothing"),
        ({"tests": [row | {"version": f"{VERSION}~ppa2"}]}, "it says nothing"),
        ({"tests": [row, failed]}, "test: it lost (Ubuntu's autopkgtest service, arm64"),
    ):
        path.write_text(json.dumps(good | change))
        ran = case.upload("--dry-run")
        assert ran.exit_code == 4
        assert text in ran.check("noble/greeter", "tests")["detail"]
    path.write_text(json.dumps(good))
    ran = case.upload()

    assert ran.exit_code == 0, ran.err
    (record,) = (one for one in case.records() if one["source"] == "greeter")
    assert record["forced"] == ""
    assert record["steps"]["test/noble/helper.says"] == "passed"
    origin = record["origins"]["test/noble/helper.says"]
    assert origin.startswith(
        f"ppa: amd64; version {version}; trigger helper/{version}; log http://"
    )
    assert origin.endswith("/noble/amd64/h/helper/20261122_000000_aaaaa@/log.gz")
    # The same stands in the evidence, joined by the very .dsc.
    folder = (case.work / "evidence/latest").resolve()
    step = StepId("test", "noble", "helper", test="says")
    assert isinstance(
        evidence.service_tests(folder, evidence.load(folder)).tests[step].verdict, Passed
    )


def test_a_package_that_was_tampered_with_is_made_anew(case: Case) -> None:
    case.ready()
    (kept,) = (case.work / "uploads/unsigned/noble_greeter").glob("*.debian.tar.xz")
    good = kept.read_bytes()
    kept.write_bytes(b"another")

    assert case.upload("--dry-run").exit_code == 0
    assert kept.read_bytes() == good


def test_a_relation_that_the_ppas_version_does_not_meet_keeps_the_whole_update_back(
    case: Case,
) -> None:
    case.sources = {"greeter": ("helper",), "helper": ()}
    edit = (
        '\n[[source.greeter.control]]\nparagraph = "greeter"\nfield = "Depends"\n'
        'add = ["helper (>= {helper}TILDE)"]\nreason = "the new one"\n'
    )
    case.write(edit.replace("TILDE", ""))
    case.prepare()
    case.publish_pinned(case.root)

    detail = refused(case, check="relations", exit_code=3)
    case.write(edit.replace("TILDE", "~"))
    case.prepare()
    mended = case.upload("--dry-run")

    assert detail.startswith(f"it asks for helper (>= {VERSION}), where the PPA has {VERSION}~ppa1")
    assert mended.exit_code == 0, mended.out


@pytest.mark.parametrize(
    ("prepare", "exit_code", "message"),
    [
        (changed("bug = ", "bug = 0 # "), 3, "names no bug; write the Launchpad bug's number."),
        (changed("tester/greetings", ""), 3, "names no PPA"),
        (changed("tester/greetings", "tester/nothing"), 6, "does not know it (404)"),
        (lambda case: case.world.entries[ARCHIVE].values.update(reference="~tester/debian/x"),
         6, "what Launchpad has under this name is the archive ~tester/debian/x; an upload goes"),
        (changed("the series.", "all."), 3, "greeter: it is not run since something changed"),
        (lambda case: case.world.publish("noble", "greeter", VERSION, pocket="Proposed"),
         3, "make, build and test the update with: backport run."),
        (lambda case: setattr(case.standin, "clock_offset", -7200.0),
         5, "this machine's clock is 120 minutes ahead of Launchpad's"),
        (lambda case: case.monkeypatch.setenv("BACKPORT_UPLOAD_SERVER", "ftp://ppa.launchpad.net"),
         2, "ppa.launchpad.net is no upload server for the PPAs of http://127.0.0.1"),
    ],
    ids=["no bug", "no PPA", "unknown PPA", "no PPA's archive", "changed", "taken", "clock",
         "server"],
)  # fmt: skip
def test_an_upload_that_leads_nowhere_ends_before_the_plan(
    case: Case, prepare: Callable[[Case], object], exit_code: int, message: str
) -> None:
    case.ready()
    prepare(case)

    ran = case.upload("--force", "it is in a hurry")

    assert (ran.exit_code, ran.events) == (exit_code, [])
    assert message in ran.err
    assert case.intake.sessions == []
