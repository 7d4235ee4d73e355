from __future__ import annotations

import base64
import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from backport import cli
from backport.check import finding, rules
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import InputError
from backport.source import weight
from backport.sru import check, report
from backport.sru.checklist_data import Checklist, Item, TagChange
from tests.sru import browser
from tests.sru.links import Links
from tests.sru.runs import Place

RENEW = "test/xenial/alpha.renew"
SMOKE = "test/xenial/alpha.smoke"
HISTOGRAM = {
    "title": "Moments by hour of the day",
    "sentence": "332 moments, evenly over the day.",
    "unit": "moments",
    "bins": [[f"{n}:00", n * 13 % 29] for n in range(24)],
}
TABLE = {
    "title": "Orders of two writers",
    "sentence": "12,345 orders were run; none went wrong.",
    "columns": ["Orders", "run", "blocked"],
    "rows": [["2 switches | all", 12000, 7], ["at random", 345, 0]],
}
FIGURE = {"title": "A curve", "sentence": "It rises.", "figure": "curve.svg"}
CURVE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>x</script></svg>'
RULE = next(iter(rules.RULES))
SMALL = finding.make(RULE, "warning", "debian/rules", "a small fault", "look at it")


def page_of(place: Place, folder: Path | None = None, **more: object) -> Path:
    """The page of a small run, beside its evidence (in `folder`, if that is made already)."""
    folder = folder or place.evidence().folder
    out = folder.parent / "report.html"
    made = report.make(folder, **more)  # type: ignore[arg-type]
    out.write_text(report.as_html(made))
    return out


def checklist(name: str) -> Checklist:
    log = f"steps/{SMOKE}/log"
    items = (
        Item("done", "LP: #1", "The bug is public", "It can be read.", "requirements", "https://x"),
        Item("missing", "xenial", "The tests passed", "Skipped.", "verification", log, "a" * 64),
        Item("person", "xenial", "Apache was configured", "By hand.", "exception", "https://y"),
        Item("unknown", "xenial", "No regression", "Not told.", "pipeline", "manifest.json"),
    )
    tags = (TagChange("xenial", "verification-done-xenial", ("verification-needed-xenial",)),)
    return Checklist(1, name, "b" * 64, "2026-11-23T12:00:00+00:00", items, tags)


@pytest.fixture
def rich(place: Place) -> Place:
    """A run with everything that the report can show."""
    place.findings = (SMALL,)
    heavy = weight.Weight((weight.Part("debian/rules", "packaging", 4321),))
    weight.write(heavy, place.root / weight.FILE)
    place.files["source/xenial/alpha"] = {weight.FILE: (place.root / weight.FILE).read_text()}
    place.files[SMOKE] = {
        "artifacts/report-timer.json": json.dumps(HISTOGRAM),
        "artifacts/report-orders.json": json.dumps(TABLE),
        "artifacts/report-curve.json": json.dumps(FIGURE),
        "artifacts/curve.svg": CURVE,
        "artifacts/report.json": "{}",
    }
    return place


def full_page(place: Place) -> tuple[Path, Path]:
    """A page with every part in it that can be shown, and the folder of its evidence."""
    folder = place.evidence().folder
    return page_of(place, folder, checklist=checklist(folder.name)), folder


def test_the_page_needs_no_script_and_nothing_but_its_evidence(rich: Place) -> None:
    page, folder = full_page(rich)
    links, text = Links(page), page.read_text()
    assert not links.tags & {"script", "link", "iframe", "object", "embed", "base"}
    images = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)" alt="A curve">', text)
    assert [base64.b64decode(one).decode() for one in images] == [CURVE]
    assert [word for word in ("url(", "@import") if word in text] == []
    assert len(links.inside) > 30
    assert links.dead() == []
    for step in (SMOKE, "source/xenial/alpha", "check/xenial/alpha"):
        shutil.rmtree(folder / "steps" / step)
        assert any(f"{folder.name}/steps/{step}/" in link for link in Links(page).dead()), step


def test_every_row_of_steps_findings_and_the_checklist_leads_to_what_it_says(rich: Place) -> None:
    rich.verdicts[SMOKE] = Skipped("no IPv6 here")
    rich.verdicts["build/yakkety/alpha"] = Failed("build", "it does not compile", "build.log")
    page, folder = full_page(rich)
    contents = check.load(folder)
    rows = Links(page).rows
    for section, number in (
        ("evidence", len(contents.steps)),
        ("checklist", 4),
        ("findings", sum(step.id.kind == "check" and bool(step.folder) for step in contents.steps)),
        ("matrix", 1),
    ):
        assert sum(row.section == section for row in rows) == number, section
    without = [row for row in rows if not row.links and row.section not in ("shown", "weight")]
    assert all("never" in row.text and row.section == "evidence" for row in without)
    never = {str(step) for step in contents.steps if not step.folder}
    assert {row.text.split()[0] for row in without} == never != set()
    for row in (row for row in rows if row.section == "evidence" and row.links):
        name = row.text.split()[0].replace("+", "%2B")
        assert row.links[0].startswith(f"{contents.name}/steps/{name}/"), row.text


def test_the_page_shows_verdicts_controls_patches_the_checklist_and_the_base(rich: Place) -> None:
    page, folder = full_page(rich)
    text, links = page.read_text(), Links(page).links
    top = text[: text.index("<main>")]
    assert "Built and tested on a stand-in, not on Ubuntu." in top
    assert " <strong>The whole base differs.</strong></p>" in top
    for step in (
        "build/xenial/alpha/build.log",
        "build/yakkety/alpha/build.log",
        "test/xenial/alpha.smoke/log",
        "test/xenial/alpha.renew-control%2Bunpatched/log",
    ):
        assert f"{folder.name}/steps/{step}" in links, step
    for words in (
        "Without the change (unpatched)",
        "change lock.patch",
        "lock.patch</span>; in xenial, yakkety",
        "Author: Test Maintainers",
        "<li>Update alpha.</li><li>Mend it. (xenial)</li>",
        "1 of 4 done",
        "verification-done-xenial",
        "for a person",
        "not known here",
        "The highest bar is 28 moments.",
        '332 moments, evenly over the day. <span class="small">smoke in xenial:</span>',
        '<th scope="row">2 switches | all</th>',
        '<td class="num" data-label="run">12,000</td>',
        '<td class="num" data-label="packaging">4321</td>',
    ):
        assert words in text, words
    assert text.count('<rect class="bar"') == 24


@pytest.mark.parametrize(
    ("step", "verdict", "word", "below"),
    [
        (RENEW, Passed(), "Passed.", ()),
        (RENEW, Skipped("no IPv6 here"), "Incomplete.",
         ("1 skipped", "renew skipped: no IPv6 here", "–</span>renew")),
        (RENEW, Broken("no answer"), "Not known.", ("1 broken",)),
        (RENEW, Failed("test", "<script>alert(1)</script>"), "Failed.",
         ("&lt;script&gt;alert(1)",)),
        ("build/yakkety/alpha", Failed("build", "it does not compile", "build.log"), "Failed.",
         ("build failed: build: it does not compile",)),
    ],
)  # fmt: skip
def test_one_verdict_over_all_steps_stands_on_top_and_reasons_below(
    place: Place, step: str, verdict: Verdict, word: str, below: tuple[str, ...]
) -> None:
    place.verdicts[step] = verdict
    folder = place.evidence().folder
    text = page_of(place, folder).read_text()
    state = type(verdict).__name__.lower()
    head = text[text.index("<header>") : text.index("<dl")]
    counted = f"{word}</strong> Steps: " + ("" if state == "passed" else f"1 {state}, ")
    assert f'class="overall {state}"' in head
    assert counted in head
    assert (step in head) == (state != "passed")
    assert [words for words in below if words not in text] == []
    assert "<script" not in text
    markdown = report.as_markdown(report.make(folder, linked=False)).splitlines()
    assert markdown[2].startswith(f"**{counted.replace('</strong>', '**')}")


def test_what_was_not_run_is_said_plainly(place: Place) -> None:
    place.checked, place.kind = False, "ubuntu"
    text = page_of(place).read_text()
    assert "<strong>Incomplete.</strong>" in text, "though every step passed"
    assert "; no check ran." in text
    assert "new errors" not in text
    assert "stand-in" not in text
    assert "<dt>Checks</dt><dd>not run</dd>" in text
    for what in ("no test in the evidence has left anything", "the checks", "the checklist"):
        assert re.search(rf'<p class="not-run">Not run:[^<]*{what}', text), what


def test_findings_are_shown_and_new_errors_come_first(place: Place) -> None:
    old = finding.make(RULE, "error", "debian/old", "an old fault", "leave it")
    new = finding.make(RULE, "error", "debian/control", "a new fault", "mend it")
    place.findings = (SMALL, new, dataclasses.replace(old, new=False))
    place.verdicts["build/yakkety/alpha"] = Failed("build", "no", "build.log")
    folder = place.evidence().folder
    text = page_of(place, folder).read_text()
    assert text.index("a new fault") < text.index("a small fault") < text.index("an old fault")
    # Checks that did not run are no clean checks.
    checks = [step for step in check.load(folder).steps if step.id.kind == "check"]
    ran = sum(bool(one.folder) for one in checks)
    assert 0 < ran < len(checks)
    counted = f"{3 * ran} findings in all; {len(checks) - ran} of {len(checks)} checks did not run"
    assert f"{ran} new errors<small>{counted}" in text
    assert f"{ran} new errors, {counted}." in report.as_markdown(report.make(folder, linked=False))


def test_what_is_not_of_this_evidence_is_refused(place: Place) -> None:
    place.files[SMOKE] = {"artifacts/report-x.json": json.dumps({**TABLE, "bins": []})}
    folder = place.evidence().folder
    with pytest.raises(InputError, match="one of bins, columns and figure"):
        report.as_html(report.make(folder, linked=False))
    known = checklist(folder.name)
    wrong = [checklist("other-0123")]
    for evidence in ("steps/log", "", "/etc/passwd"):
        item = dataclasses.replace(known.items[0], evidence=evidence)
        wrong.append(dataclasses.replace(known, items=(item,)))
    for one in wrong:
        with pytest.raises(InputError, match="not about this evidence, or names a file"):
            report.make(folder, linked=False, checklist=one)
    (folder / f"steps/{SMOKE}/log").write_text("all well\n")
    with pytest.raises(InputError, match="nothing is reported from it"):
        report.make(folder, linked=False)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_whole_and_axe_finds_no_violation(rich: Place, width: int) -> None:
    page, _ = full_page(rich)
    for dark in (False, True):
        seen = browser.look(page, width, dark=dark)
        assert seen == {"width": width, "dark": dark, "faults": []}


def test_the_markdown_says_the_same_without_links_into_files(rich: Place) -> None:
    text = report.as_markdown(report.make(rich.evidence().folder, linked=False))
    for words in (
        "not on Ubuntu",
        f"  * xenial: {rich.version('xenial')}; source passed, build passed",
        "lock.patch (xenial, yakkety)",
        "evenly over the day. (smoke in xenial: passed; the highest bar is 28 moments)",
        "| 2 switches \\| all | 12,000 | 7 |",
        "* alpha in xenial: patches 0, patch-tests 0, packaging 4321, tests 0, changelog 0\n",
    ):
        assert words in text
    for words in ("alpha.smoke", "steps/", "alpha in yakkety: patches", "\n\n\n"):
        assert words not in text


def test_the_command_writes_the_page_beside_the_evidence(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.recipe()
    assert cli.main(place.command("report")) == 3
    assert "there is no evidence yet; run: backport run" in capsys.readouterr().err
    folder = place.evidence().folder
    assert cli.main(place.command("report")) == 0
    page = folder.parent / f"{folder.name}.html"
    assert f"The report is in {page}" in capsys.readouterr().out
    assert f"{folder.name}/steps/{SMOKE}/log" in Links(page).links
    assert cli.main(place.command("report", "--markdown")) == 0
    assert capsys.readouterr().out.startswith("# small, LP: #1\n")


def test_a_report_is_made_of_packed_evidence_alone_without_the_recipe(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place.evidence()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    packed = elsewhere / made.archive.name
    packed.write_bytes(made.archive.read_bytes())
    monkeypatch.chdir(elsewhere)
    assert cli.main(["report", "--evidence", packed.name]) == 0
    page = elsewhere / f"{made.folder.name}.html"
    # What the archive holds is not beside the page.
    assert not [link for link in Links(page).links if "steps/" in link]
    assert made.folder.name in page.read_text()
