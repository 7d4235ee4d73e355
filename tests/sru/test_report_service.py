"""What Ubuntu's autopkgtest service says stands in place of what was found here, and only that."""

from __future__ import annotations

import re

import pytest

from backport import cli
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.sru import report
from backport.sru.report_data import Report
from backport.sru.report_parts import Badge, Contrast
from tests.sru import browser, scenes
from tests.sru.links import Links
from tests.sru.runs import Place

RENEW = "test/xenial/alpha.renew"
GOOD = {"smoke": Passed(), "renew": Passed()}
LOST = Failed("test", "it lost")


def made(place: Place) -> Report:
    """The report of the evidence, with links as a page beside it has them."""
    folder = place.evidence().folder
    return report.make(folder)


def badges(shown: Report) -> dict[str, Badge]:
    """The tests of alpha in xenial, by their words."""
    ((_, cells),) = shown.matrix
    return {test.text: test for test in cells[0].tests}


def pair_of(shown: Report) -> Contrast:
    """Renew in xenial beside its control."""
    (pair,) = (one for one in shown.pairs if one.series == "xenial")
    return pair


HERE = {"smoke": "passed", "renew": "passed", "renew-control (control, unpatched)": "passed"}
PPA = "unpatched, in a PPA of its own"
LOCAL = ("unpatched", "passed", "as it should be")


def test_what_the_service_found_stands_in_place_of_what_was_found_here(ubuntu: Place) -> None:
    ubuntu.verdicts["build/xenial/alpha"] = Failed("build", "no room", "build.log")
    scenes.serve(ubuntu, scenes.run(ubuntu, "arm64", {**GOOD, "base-own": LOST}))
    shown = made(ubuntu)
    assert {name: badge.state for name, badge in badges(shown).items()} == {
        "smoke (ppa: arm64)": "passed",
        "renew (ppa: arm64)": "passed",
        "renew-control (control, unpatched)": "passed",
        "base-own (ppa: arm64)": "failed",
    }
    assert shown.counts["failed"] == 1


def test_what_is_said_of_another_source_package_is_shown_and_counts_for_nothing(
    ubuntu: Place,
) -> None:
    scenes.serve(ubuntu, scenes.run(ubuntu, "amd64", {"renew": LOST}), made_of="0" * 64)
    shown = made(ubuntu)
    assert {name: badge.state for name, badge in badges(shown).items()} == HERE
    assert (shown.counts["failed"], shown.service_verdicts) == (0, {})
    ((_, badge, counts),) = shown.ppa
    assert (badge.state, counts) == ("failed", "does not count: not of this source package")
    assert len(scenes.checklist(ubuntu, scenes.facts(ubuntu)).tags) == 2


@pytest.mark.parametrize(
    ("verdict", "more", "controls"),
    [
        (Passed("harm seen"), {}, [("unpatched", "passed (ppa: amd64)", "harm seen")]),
        (Broken("no harm seen"), {}, [("unpatched", "broken (ppa: amd64)", "no harm seen")]),
        (None, {}, [(PPA, "skipped", "control not run: nobody has asked for it"), LOCAL]),
        (Skipped("control not run: name a PPA"), {"result": ""},
         [(PPA, "skipped", "control not run: name a PPA"), LOCAL]),
        (Passed(), {"version": "9-9~unpatched1"},
         [(PPA, "skipped", "control not run: 9-9~unpatched1 is not unpatched of "), LOCAL]),
    ],
)  # fmt: skip
def test_a_control_in_a_ppa_of_its_own_stands_in_place_of_the_local_one_or_is_missed(
    ubuntu: Place, verdict: Verdict | None, more: dict[str, str], controls: list[tuple[str, ...]]
) -> None:
    before = pair_of(made(ubuntu)).controls
    assert [name for name, _ in before] == ["unpatched"], "none is wanted elsewhere"
    own = [scenes.control(ubuntu, verdict, **more)] if verdict is not None else []
    scenes.serve(ubuntu, scenes.run(ubuntu, "amd64", GOOD), *own)
    shown = made(ubuntu)
    told = pair_of(shown).controls
    assert [(name, badge.text) for name, badge in told] == [one[:2] for one in controls]
    assert shown.counts["broken"] == int(isinstance(verdict, Broken))
    for (_, badge), (_, _, detail) in zip(told, controls, strict=True):
        assert badge.detail.startswith(detail)
        assert detail in report.as_html(shown)
        assert detail in report.as_markdown(shown)


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
    assert browser.look(page, 390)["faults"] == []


def test_a_failure_on_the_service_takes_the_proof_away(
    ubuntu: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    known = scenes.facts(ubuntu)
    assert len(scenes.checklist(ubuntu, known).tags) == 2
    scenes.serve(ubuntu, scenes.run(ubuntu, "s390x", {"renew": LOST}))
    listed = scenes.checklist(ubuntu, known)
    assert [tag.series for tag in listed.tags] == ["yakkety"]
    renew = next(item for item in listed.items if "renew passed" in item.what)
    words = "test: it lost (Ubuntu's autopkgtest service, s390x, "
    assert renew.state == "missing"
    assert renew.why.startswith(f"Failed: {words}")
    assert renew.evidence == "records/ppa-test/xenial/alpha@s390x/log.gz"
    assert renew.sha256 == scenes.manifest(ubuntu).files[renew.evidence].sha256
    assert "https://autopkgtest.example.org/xenial/s390x/log.gz" in renew.advice
    text = scenes.comment_of(ubuntu, known)
    assert text.startswith("Verification NOT complete for xenial.")
    assert f"alpha renew: failed, {words}" in text
    # The command reads the records from the evidence too.
    assert cli.main(ubuntu.command("verify", "--offline")) == 4
    assert words in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("here", [Passed("as it should be"), LOST])
def test_a_pass_on_the_service_proves_nothing_of_the_packages_in_proposed(
    ubuntu: Place, here: Verdict
) -> None:
    ubuntu.verdicts[RENEW] = here
    scenes.serve(ubuntu, scenes.run(ubuntu, "amd64", GOOD))
    listed = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    renew = next(item for item in listed.items if "renew passed" in item.what)
    if here is not LOST:  # What is proved by hash stays so.
        assert (len(listed.tags), renew.state) == (2, "done")
        return
    assert [tag.series for tag in listed.tags] == ["yakkety"]
    assert (renew.state, renew.why) == (
        "missing",
        "Passed on Ubuntu's autopkgtest service with "
        f"{ubuntu.version('xenial')}~ppa1 of the PPA, and not with the packages in "
        "xenial-proposed.",
    )
