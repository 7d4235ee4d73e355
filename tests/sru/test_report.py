from __future__ import annotations

import base64
import dataclasses
import json
import re
from pathlib import Path

import pytest

from backport import cli
from backport.check import finding, rules
from backport.engine.verdict import Broken, Failed, Skipped, Verdict
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


def page_of(place: Place, folder: Path | None = None, **more: object) -> Path:
    """The page of a small run, beside its evidence (in `folder`, if that is made already)."""
    folder = folder or place.evidence().folder
    out = folder.parent / "report.html"
    made = report.make(folder, out, **more)  # type: ignore[arg-type]
    out.write_text(report.as_html(made))
    return out


def checklist(name: str) -> Checklist:
    items = (
        Item("done", "LP: #1", "The bug is public", "It can be read.", "requirements", "https://x"),
        Item(
            "missing",
            "xenial",
            "The tests passed",
            "Skipped.",
            "verification",
            f"steps/{SMOKE}/log",
            "a" * 64,
        ),
        Item("person", "xenial", "Apache was configured", "By hand.", "exception", "https://y"),
        Item("unknown", "xenial", "No regression", "Not told.", "pipeline", "manifest.json"),
    )
    tags = (TagChange("xenial", "verification-done-xenial", ("verification-needed-xenial",)),)
    return Checklist(1, name, "b" * 64, "2026-11-23T12:00:00+00:00", items, tags)


@pytest.fixture
def rich(place: Place) -> Place:
    """A run with everything that the report can show."""
    place.files[SMOKE] = {
        "artifacts/report-timer.json": json.dumps(HISTOGRAM),
        "artifacts/report-orders.json": json.dumps(TABLE),
        "artifacts/report-curve.json": json.dumps(FIGURE),
        "artifacts/curve.svg": CURVE,
        "artifacts/report.json": "{}",
    }
    return place


# ---------------------------------------------------------------------------- the page


def test_the_page_needs_nothing_from_outside_and_no_script(rich: Place) -> None:
    page = page_of(rich)
    found, text = Links(page), page.read_text()
    assert not found.tags & {"script", "link", "iframe", "object", "embed", "base"}
    assert all(link.startswith("data:") for link in re.findall(r'<img src="([^"]*)"', text))
    assert text.count("<img ") == 1
    assert "url(" not in text
    assert "@import" not in text


def full_page(place: Place) -> tuple[Path, Path]:
    """A page with every part in it that can be shown, and the folder of its evidence."""
    rule = next(iter(rules.RULES))
    place.findings = (finding.make(rule, "warning", "debian/rules", "a small fault", "look"),)
    folder = place.evidence().folder
    return page_of(place, folder, checklist=checklist(folder.name)), folder


def test_every_link_leads_to_a_file_of_the_evidence_or_to_the_bug(rich: Place) -> None:
    found = Links(full_page(rich)[0])
    assert len(found.inside) > 30
    assert found.dead() == []


def test_a_log_that_is_gone_is_a_dead_link(rich: Place) -> None:
    page, folder = full_page(rich)
    name = folder.name
    for step in (SMOKE, "source/xenial/alpha", "check/xenial/alpha"):
        for path in (folder / "steps" / step).iterdir():
            if path.is_file():
                path.unlink()
        assert any(f"{name}/steps/{step}/" in link for link in Links(page).dead()), step


def test_every_row_of_steps_findings_and_the_checklist_leads_to_what_it_says(rich: Place) -> None:
    rich.verdicts[SMOKE] = Skipped("no IPv6 here")
    rich.verdicts["build/yakkety/alpha"] = Failed("build", "it does not compile", "build.log")
    page, folder = full_page(rich)
    found = check.load(folder)
    rows = Links(page).rows
    for section, number in (
        ("evidence", len(found.steps)),
        ("checklist", 4),
        ("findings", sum(step.kind == "check" and bool(step.key) for step in found.steps)),
        ("matrix", 1),
    ):
        assert sum(row.section == section for row in rows) == number, section
    without = [row for row in rows if not row.links and row.section != "shown"]
    assert without
    assert all("never" in row.text and row.section == "evidence" for row in without)
    never = {step.name for step in found.steps if not step.key}
    assert {row.text.split()[0] for row in without} == never
    ran = [row for row in rows if row.section == "evidence" and row.links]
    for row in ran:
        name = row.text.split()[0].replace("+", "%2B")
        assert row.links[0].startswith(f"{found.name}/steps/{name}/"), row.text


def test_the_page_shows_verdicts_controls_patches_and_the_base(place: Place) -> None:
    page = page_of(place)
    text, links = page.read_text(), Links(page).links
    assert "Built and tested on a stand-in, not on Ubuntu." in text[: text.index("<main>")]
    name = place.evidence().folder.name
    for step in (
        "build/xenial/alpha/build.log",
        "build/yakkety/alpha/build.log",
        "test/xenial/alpha.smoke/log",
        "test/xenial/alpha.renew-control%2Bunpatched/log",
    ):
        assert f"{name}/steps/{step}" in links, step
    for words in (
        # The unpatched variant is built too, and no package of the update.
        "<dd>2 of 2 built<small>0 failed or broken</small>",
        "Without the change (unpatched)",
        "3 of 4 processes failed",
        "file-exists",
        "0 of 20 processes failed",
        "change lock.patch",
        "1 file, 1 line added, 1 removed; in xenial, yakkety",
        "Author: Test Maintainers",
    ):
        assert words in text, words


def test_packages_of_the_real_archive_have_no_warning_of_a_stand_in(tmp_path: Path) -> None:
    assert "stand-in" not in page_of(Place(tmp_path, kind="ubuntu")).read_text()


@pytest.mark.parametrize(
    ("step", "verdict", "words"),
    [
        (
            RENEW,
            Skipped("no IPv6 here"),
            ("1 skipped", "renew skipped: no IPv6 here", "–</span>renew"),
        ),
        (
            "build/yakkety/alpha",
            Failed("build", "it does not compile", "build.log"),
            ("build failed: build: it does not compile", "1 of 2 built"),
        ),
        (RENEW, Failed("test", "<script>alert(1)</script>"), ("&lt;script&gt;alert(1)",)),
    ],
    ids=["skipped", "failed", "markup"],
)
def test_what_did_not_pass_is_shown_with_its_reason(
    place: Place, step: str, verdict: Verdict, words: tuple[str, ...]
) -> None:
    place.verdicts[step] = verdict
    text = page_of(place).read_text()
    assert [word for word in words if word not in text] == []
    assert "<script" not in text


def test_a_stand_in_is_said_at_the_top(place: Place) -> None:
    text = page_of(place).read_text()
    assert "Built and tested on a stand-in, not on Ubuntu." in text
    assert text.index("stand-in, not on Ubuntu") < text.index("<main>")
    (overall,) = re.findall(r'<p class="overall .*</p>', text)
    assert overall.endswith(" <strong>The whole base differs.</strong></p>")


def test_what_was_not_run_is_said_plainly(place: Place) -> None:
    place.checked = False
    text = page_of(place).read_text()
    assert "<strong>Incomplete.</strong>" in text, "though every step passed"
    assert "; no check ran." in text
    assert "new errors" not in text
    assert "<dt>Checks</dt><dd>not run</dd>" in text
    for what in ("no test in the evidence has left anything", "the checks", "the checklist"):
        assert re.search(rf'<p class="not-run">Not run:[^<]*{what}', text), what


def test_the_weight_of_the_review_and_the_changelogs_items_are_shown(place: Place) -> None:
    part = weight.Part("debian/rules", "packaging", 4321)
    weight.write(weight.Weight((part,)), place.root / weight.FILE)
    place.files["source/xenial/alpha"] = {weight.FILE: (place.root / weight.FILE).read_text()}
    folder = place.evidence().folder
    page = page_of(place, folder).read_text()
    assert '<td class="num" data-label="packaging">4321</td>' in page
    assert "<li>Update alpha.</li><li>Mend it. (xenial)</li>" in page
    shown = report.as_markdown(report.make(folder, None))
    said = "packaging 4321, tests 0, changelog 0"
    assert f"* alpha in xenial: patches 0, patch-tests 0, {said}\n" in shown
    assert "alpha in yakkety: patches" not in shown


def test_what_a_test_left_for_the_report_is_shown_with_its_verdict(rich: Place) -> None:
    text = page_of(rich).read_text()
    assert "Moments by hour of the day</a></h3>" in text
    assert '332 moments, evenly over the day. <span class="small">smoke in xenial:</span>' in text
    assert "The highest bar is 28 moments." in text
    assert text.count('<rect class="bar"') == 24
    assert '<th scope="row">2 switches | all</th>' in text
    assert '<td class="num" data-label="run">12,000</td>' in text
    image = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)" alt="A curve">', text)
    assert [base64.b64decode(one).decode() for one in image] == [CURVE]


def test_findings_are_shown_and_new_errors_come_first(place: Place) -> None:
    rule = next(iter(rules.RULES))
    old = finding.make(rule, "error", "debian/old", "an old fault", "leave it")
    place.findings = (
        finding.make(rule, "warning", "debian/rules", "a small fault", "look at it"),
        finding.make(rule, "error", "debian/control", "a new fault", "mend it"),
        dataclasses.replace(old, new=False),
    )
    text = page_of(place).read_text()
    found = check.load(place.evidence().folder)
    checks = sum(step.kind == "check" for step in found.steps)
    assert checks >= 2
    assert text.index("a new fault") < text.index("a small fault") < text.index("an old fault")
    assert f"{checks} new errors<small>{3 * checks} findings in all" in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (None, ("passed", "Passed.", "Steps: ")),
        (Skipped("no IPv6"), ("skipped", "Incomplete.", "Steps: 1 skipped, ")),
        (Broken("no answer"), ("broken", "Not known.", "Steps: 1 broken, ")),
        (Failed("test", "it hangs"), ("failed", "Failed.", "Steps: 1 failed, ")),
    ],
)
def test_one_verdict_over_all_steps_stands_on_top(
    place: Place, verdict: Verdict | None, words: tuple[str, str, str]
) -> None:
    if verdict is not None:
        place.verdicts[SMOKE] = verdict
    folder = place.evidence().folder
    text = page_of(place, folder).read_text()
    state, word, counted = words
    top = text[text.index("<header>") : text.index("<dl")]
    assert f'class="overall {state}"' in top
    assert f"<strong>{word}</strong> {counted}" in top
    assert (SMOKE in top) == (verdict is not None)
    markdown = report.as_markdown(report.make(folder, None)).splitlines()
    assert markdown[2].startswith(f"**{word}** {counted}")


def test_checks_that_did_not_run_are_no_clean_checks(place: Place) -> None:
    place.verdicts["build/xenial/alpha"] = Failed("build", "no", "build.log")
    folder = place.evidence().folder
    checks = [step for step in check.load(folder).steps if step.kind == "check"]
    left = sum(not one.key for one in checks)
    assert 0 < left < len(checks)
    counted = f"0 findings in all; {left} of {len(checks)} checks did not run"
    assert f"0 new errors<small>{counted}" in page_of(place, folder).read_text()
    assert f"0 new errors, {counted}." in report.as_markdown(report.make(folder, None))


def test_the_checklist_is_shown_with_its_evidence(place: Place) -> None:
    name = place.evidence().folder.name
    text = page_of(place, checklist=checklist(name)).read_text()
    assert "1 of 4 done" in text
    assert "verification-done-xenial" in text
    for words in ("for a person", "not known here", "missing"):
        assert words in text


def test_what_is_not_of_this_evidence_is_refused(place: Place) -> None:
    place.files[SMOKE] = {"artifacts/report-x.json": json.dumps({**TABLE, "bins": []})}
    folder = place.evidence().folder
    known = checklist(folder.name)
    with pytest.raises(InputError, match="one of bins, columns and figure"):
        report.make(folder, None)
    with pytest.raises(InputError, match="not this one"):
        report.make(folder, None, checklist=checklist("other-0123"))
    for evidence in ("steps/log", "", "/etc/passwd"):
        item = dataclasses.replace(known.items[0], evidence=evidence)
        with pytest.raises(InputError, match="the evidence has no such file"):
            report.make(folder, None, checklist=dataclasses.replace(known, items=(item,)))
    (folder / f"steps/{SMOKE}/log").write_text("all well\n")
    with pytest.raises(InputError, match="nothing is reported from it"):
        report.make(folder, None)


# ---------------------------------------------------------------------------- in a browser


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_whole_and_axe_finds_no_violation(rich: Place, width: int) -> None:
    name = rich.evidence().folder.name
    page = page_of(rich, checklist=checklist(name))
    for dark in (False, True):
        look = browser.look(page, width, dark=dark)
        assert (look.width, look.dark) == (width, dark)
        assert look.violations == []
        assert (look.overflow, look.wide) == (0, [])
    picture = page.with_suffix(f".{width}.png")
    assert browser.screenshot(page, picture, width, 1200) == (width, 1200)
    # An empty page compresses to a few kilobytes.
    assert picture.stat().st_size > 30_000


# ------------------------------------------------------------------- Markdown and the command


def test_the_markdown_says_the_same_without_links_into_files(rich: Place) -> None:
    folder = rich.evidence().folder
    text = report.as_markdown(report.make(folder, None))
    assert "not on Ubuntu" in text
    assert f"  * xenial: {rich.version('xenial')}; source passed, build passed" in text
    assert "lock.patch (xenial, yakkety)" in text
    assert "evenly over the day. (smoke in xenial: passed; the highest bar is 28 moments)" in text
    assert "alpha.smoke" not in text
    assert "| 2 switches \\| all | 12,000 | 7 |" in text
    assert "steps/" not in text
    assert "\n\n\n" not in text


def test_the_command_writes_the_page_beside_the_evidence(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place.evidence().folder
    own = ["--recipe", str(place.root / "recipe/backport.toml"), "--work", str(place.store.work)]
    assert cli.main(["report", *own]) == 0
    page = folder.parent / f"{folder.name}.html"
    assert f"The report is in {page}" in capsys.readouterr().out
    assert f"{folder.name}/steps/{SMOKE}/log" in Links(page).links
    assert cli.main(["report", *own, "--markdown"]) == 0
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


def test_without_evidence_the_command_says_what_to_run(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.recipe()
    own = ["--recipe", str(place.root / "recipe/backport.toml"), "--work", str(place.store.work)]
    assert cli.main(["report", *own]) == 3
    assert "there is no evidence yet; run: backport run" in capsys.readouterr().err


def test_an_old_checklist_is_left_out(place: Place) -> None:
    place.evidence()
    own = ["--recipe", str(place.root / "recipe/backport.toml"), "--work", str(place.store.work)]
    old = dataclasses.replace(checklist("small-0123"), items=())
    (place.store.work / "checklist.json").write_text(json.dumps(dataclasses.asdict(old)))
    assert cli.main(["report", *own]) == 0
    (page,) = (place.store.work / "evidence").glob("*.html")
    assert "Not run: the checklist was not made." in page.read_text()
