"""What Ubuntu's autopkgtest service says stands in place of what was found here, and only that."""

from __future__ import annotations

import re
from typing import Any

import pytest

from backport import cli
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import InputError
from backport.launchpad.autopkgtest import verdicts
from backport.sru import check, comment, report
from backport.sru.report_data import Report
from backport.sru.report_parts import Chip, Pair
from tests.sru import browser, scenes
from tests.sru.links import Links
from tests.sru.runs import Place

RENEW = "test/xenial/alpha.renew"
GOOD = {"smoke": Passed(), "renew": Passed()}
LOST = Failed("test", "it lost")


@pytest.fixture
def ubuntu(place: Place) -> Place:
    return scenes.place(place)


def made(place: Place) -> Report:
    """The report of the evidence, with links as a page beside it has them."""
    folder = place.evidence().folder
    return report.make(folder)


def chips(found: Report) -> dict[str, Chip]:
    """The tests of alpha in xenial, by their words."""
    (line,) = found.lines
    return {test.text: test for test in line.cells[0].tests}


def pair_of(found: Report) -> Pair:
    """Renew in xenial beside its control."""
    (pair,) = (one for one in found.pairs if one.series == "xenial")
    return pair


# ----------------------------------------------------------------------------- the report

HERE = {"smoke": "passed", "renew": "passed", "renew-control (control, unpatched)": "passed"}
BUILD = "build/xenial/alpha"


@pytest.mark.parametrize(
    ("local", "runs", "expected"),
    [
        ({RENEW: LOST}, {"amd64": {"renew": Passed()}, "arm64": {"renew": Passed()}},
         {"smoke": "passed", "renew (ppa: amd64, arm64)": "passed"}),
        ({}, {"amd64": GOOD, "s390x": {"smoke": Passed(), "renew": LOST}},
         {"smoke (ppa: amd64, s390x)": "passed", "renew (ppa: amd64, s390x)": "failed"}),
        ({BUILD: Failed("build", "no room", "build.log")}, {"arm64": {**GOOD, "base-own": LOST}},
         {"smoke (ppa: arm64)": "passed", "renew (ppa: arm64)": "passed",
          "base-own (ppa: arm64)": "failed"}),
    ],
)  # fmt: skip
def test_what_the_service_found_stands_in_place_of_what_was_found_here(
    ubuntu: Place,
    local: dict[str, Verdict],
    runs: dict[str, dict[str, Verdict]],
    expected: dict[str, str],
) -> None:
    ubuntu.verdicts |= local
    scenes.serve(ubuntu, *(scenes.run(ubuntu, arch, each) for arch, each in runs.items()))
    found = made(ubuntu)
    control = {"renew-control (control, unpatched)": "passed"}
    assert {name: chip.state for name, chip in chips(found).items()} == expected | control
    assert found.counts["failed"] == [*expected.values()].count("failed")


def test_an_architecture_that_failed_is_named_with_its_log(ubuntu: Place) -> None:
    scenes.serve(
        ubuntu, scenes.run(ubuntu, "amd64", GOOD), scenes.run(ubuntu, "s390x", {"renew": LOST})
    )
    found = made(ubuntu)
    chip = chips(found)["renew (ppa: amd64, s390x)"]
    assert chip.detail.startswith("test: it lost (Ubuntu's autopkgtest service, s390x, ")
    assert chip.link.endswith("/records/ppa-test/xenial/alpha%40s390x/log.gz")
    assert pair_of(found).patched.state == "failed"


@pytest.mark.parametrize(
    ("version", "made_of", "said"),
    [
        ("1.0-1~ppa1", "", "another version"),
        ("VERSION", "", "another version"),
        ("VERSION~ppa1", "0" * 64, "not of this source package"),
    ],
)
def test_what_is_said_of_another_version_or_source_is_shown_and_counts_for_nothing(
    ubuntu: Place, version: str, made_of: str, said: str
) -> None:
    version = version.replace("VERSION", ubuntu.version("xenial"))
    lost = scenes.run(ubuntu, "amd64", {"renew": LOST}, version=version)
    scenes.serve(ubuntu, lost, made_of=made_of)
    found = made(ubuntu)
    assert {name: chip.state for name, chip in chips(found).items()} == HERE
    assert (found.counts["failed"], found.in_place) == (0, {})
    ((run, chip, counts),) = found.ppa
    assert (run.version, chip.state) == (version, "failed")
    assert counts == f"does not count: {said}"
    assert len(scenes.checklist(ubuntu, scenes.facts(ubuntu)).tags) == 2


@pytest.mark.parametrize(
    ("verdict", "state"),
    [(Passed("it sees the harm"), "passed"), (Broken("it does not see the harm"), "broken")],
)
def test_a_control_in_a_ppa_of_its_own_stands_in_place_of_the_local_one(
    ubuntu: Place, verdict: Verdict, state: str
) -> None:
    controls = pair_of(made(ubuntu)).controls
    assert [name for name, _ in controls] == ["unpatched"], "none is wanted elsewhere"
    scenes.serve(ubuntu, scenes.run(ubuntu, "amd64", GOOD), scenes.control(ubuntu, verdict))
    found = made(ubuntu)
    ((name, chip),) = pair_of(found).controls
    assert (name, chip.state, chip.text) == ("unpatched", state, f"{state} (ppa: amd64)")
    assert f"{ubuntu.version('xenial')}~unpatched1" in chip.detail
    assert found.counts["broken"] == int(state == "broken")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "control not run: nobody has asked for it"),
        ({"result": ""}, "control not run: name a PPA"),
        ({"version": "9-9~unpatched1"}, "control not run: 9-9~unpatched1 is not unpatched of "),
    ],
)
def test_without_it_the_report_says_control_not_run_beside_the_local_one(
    ubuntu: Place, more: dict[str, Any], said: str
) -> None:
    made_of_it = Skipped(said) if "result" in more else Passed("it sees the harm")
    controls = [scenes.control(ubuntu, made_of_it, **more)] if more else []
    scenes.serve(ubuntu, scenes.run(ubuntu, "amd64", GOOD), *controls)
    found = made(ubuntu)
    told = [(name, chip.state) for name, chip in pair_of(found).controls]
    assert told == [("unpatched, in a PPA of its own", "skipped"), ("unpatched", "passed")]
    assert pair_of(found).controls[0][1].detail.startswith(said)
    assert said in report.as_html(found)
    assert said in report.as_markdown(found)


def test_the_page_names_origin_architecture_trigger_and_version_and_has_no_dead_link(
    ubuntu: Place,
) -> None:
    scenes.serve(
        ubuntu,
        scenes.run(ubuntu, "amd64", GOOD),
        scenes.run(ubuntu, "arm64", {"smoke": LOST, "renew": Passed()}),
        scenes.no_result(ubuntu, "i386"),
    )
    folder = ubuntu.evidence().folder
    page = folder.parent / "report.html"
    page.write_text(report.as_html(report.make(folder)))
    links, text = Links(page), page.read_text()
    assert links.dead() == []
    version = f"{ubuntu.version('xenial')}~ppa1"
    rows = {row.text: row for row in links.rows if row.section == "ppa"}
    assert len(rows) == 3
    (arm,) = (text for text in rows if "arm64" in text)
    assert f"alpha/{version}" in arm
    assert "in place of what ran here" in arm
    assert rows[arm].links[0].endswith("/records/ppa-test/xenial/alpha%40arm64/log.gz")
    (none,) = (text for text in rows if "i386" in text)
    assert "does not count: no result" in none
    assert re.search(r"here; in its place:.*?failed \(ppa: amd64, arm64\)", text, re.DOTALL)
    look = browser.look(page, 390)
    assert (look.violations, look.overflow, look.wide) == ([], 0, [])


def test_a_damaged_record_of_the_service_is_told(ubuntu: Place) -> None:
    scenes.serve(ubuntu, scenes.run(ubuntu, "amd64", GOOD))
    (ubuntu.store.work / verdicts.SUMMARY).write_text('{"format": 2}')
    with pytest.raises(InputError, match="this summary of the tests in the PPA cannot be read"):
        report.as_html(made(ubuntu))


# ---------------------------------------------------------------- the checklist and the comment


def test_a_failure_on_the_service_takes_the_proof_away(
    ubuntu: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    known = scenes.facts(ubuntu)
    assert len(scenes.checklist(ubuntu, known).tags) == 2
    scenes.serve(ubuntu, scenes.run(ubuntu, "s390x", {"renew": LOST}))
    found = scenes.checklist(ubuntu, known)
    assert [tag.series for tag in found.tags] == ["yakkety"]
    renew = next(item for item in found.items if "renew passed" in item.what)
    said = "test: it lost (Ubuntu's autopkgtest service, s390x, "
    assert renew.state == "missing"
    assert renew.why.startswith(f"Failed: {said}")
    assert renew.evidence == "records/ppa-test/xenial/alpha@s390x/log.gz"
    assert renew.sha256 == scenes.manifest(ubuntu).files[renew.evidence].sha256
    assert "https://autopkgtest.example.org/xenial/s390x/log.gz" in renew.advice
    folder = ubuntu.evidence().folder
    evidence = check.load(folder)
    text = comment.make(
        ubuntu.recipe(), folder, evidence, known, checklist=found, series="xenial",
        service=check.service_tests(folder, evidence).tests,
    )  # fmt: skip
    assert text.startswith("Verification NOT complete for xenial.")
    assert f"alpha renew: failed, {said}" in text
    # The command reads the records from the evidence too.
    assert cli.main(ubuntu.command("verify", "--offline")) == 4
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("here", [Passed("as it should be"), LOST])
def test_a_pass_on_the_service_proves_nothing_of_the_packages_in_proposed(
    ubuntu: Place, here: Verdict
) -> None:
    ubuntu.verdicts[RENEW] = here
    scenes.serve(ubuntu, scenes.run(ubuntu, "amd64", GOOD))
    found = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    renew = next(item for item in found.items if "renew passed" in item.what)
    if here is not LOST:  # What is proved by hash stays so.
        assert (len(found.tags), renew.state) == (2, "done")
        return
    assert [tag.series for tag in found.tags] == ["yakkety"]
    assert (renew.state, renew.why) == (
        "missing",
        "Passed on Ubuntu's autopkgtest service with "
        f"{ubuntu.version('xenial')}~ppa1 of the PPA, and not with the packages in "
        "xenial-proposed.",
    )
