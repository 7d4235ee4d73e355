from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backport.engine import records
from backport.engine.verdict import Broken, Failed, Skipped
from backport.recipe.bug import ExceptionItem, SruException
from backport.sru import check, comment, manifest, template
from backport.sru.checklist import make
from backport.sru.checklist_data import Checklist, Item
from backport.sru.checklist_text import as_text
from backport.sru.facts import NOT_ASKED, Facts
from backport.sru.manifest import Manifest
from tests.sru import scenes
from tests.sru.runs import Place

XENIAL = ("alpha", "xenial")


@pytest.fixture
def ubuntu(place: Place) -> Place:
    return scenes.place(place)


def items(made: Checklist, words: str, place: str = "") -> list[Item]:
    return [item for item in made.items if words in item.what and place in item.place]


def one_item(made: Checklist, words: str, place: str = "") -> Item:
    (found,) = items(made, words, place)
    return found


def claims_without_a_file(made: Checklist, found: Manifest) -> list[Item]:
    """The lines that lead neither to a file of the evidence nor to an address."""
    return [
        item
        for item in made.items
        if item.evidence not in {*found.files, manifest.FILE}
        and not item.evidence.startswith("https://")
    ]


# ------------------------------------------------------------------- what proves, and what not


def test_tags_are_proposed_where_every_test_passed_with_the_published_files(ubuntu: Place) -> None:
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert [(tag.add, tag.remove) for tag in made.tags] == [
        ("verification-done-xenial", ("verification-needed-xenial",)),
        ("verification-done-yakkety", ("verification-needed-yakkety",)),
    ]
    tests = items(made, "passed with the packages")
    assert [test.state for test in tests] == ["done"] * 6
    found = scenes.manifest(ubuntu)
    assert claims_without_a_file(made, found) == []
    for test in tests:
        assert test.sha256 == found.files[test.evidence].sha256


def test_tests_that_passed_on_the_stand_in_only_are_said_to_and_prove_nothing(place: Place) -> None:
    where = scenes.place(place, "stand-in")
    made = scenes.checklist(where, scenes.facts(where))
    assert made.tags == ()
    for item in items(made, "passed with the packages"):
        assert item.state == "missing"
        assert item.why == "Passed on stand-in (Debian bullseye) only, not on Ubuntu."


def test_evidence_of_another_version_proves_nothing(ubuntu: Place) -> None:
    known = scenes.facts(ubuntu)
    other = {**known.publications, XENIAL: (scenes.publication("xenial", "1.0-1ubuntu0.99"),)}
    made = scenes.checklist(ubuntu, replace(known, publications=other))
    assert [tag.series for tag in made.tags] == ["yakkety"]
    smoke = one_item(made, "smoke passed", "xenial")
    assert "xenial-proposed has 1.0-1ubuntu0.99: evidence of another version" in smoke.why
    assert "another version than this update's" in one_item(made, "is in xenial-proposed").why


def test_packages_that_were_built_here_are_not_the_published_ones(ubuntu: Place) -> None:
    known = scenes.facts(ubuntu)
    (file,) = known.binaries[XENIAL]
    other = {**known.binaries, XENIAL: (replace(file, sha256="0" * 64),)}
    made = scenes.checklist(ubuntu, replace(known, binaries=other))
    assert [tag.series for tag in made.tags] == ["yakkety"]
    assert "is not the file that is published" in one_item(made, "smoke passed", "xenial").why


def test_a_skipped_test_is_no_pass(ubuntu: Place) -> None:
    ubuntu.verdicts["test/xenial/alpha.renew"] = Skipped("no IPv6 here")
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert [tag.series for tag in made.tags] == ["yakkety"]
    assert one_item(made, "renew passed", "xenial").why == (
        "Skipped, which is no pass: no IPv6 here."
    )


def test_a_control_that_saw_no_harm_takes_the_proof_away(ubuntu: Place) -> None:
    ubuntu.verdicts["test/xenial/alpha.renew-control+unpatched"] = Broken("harm not seen")
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert [tag.series for tag in made.tags] == ["yakkety"]


def test_a_test_that_did_not_run_is_missing(ubuntu: Place) -> None:
    ubuntu.verdicts["build/xenial/alpha"] = Failed("build", "no", "build.log")
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert "skipped" in one_item(made, "smoke passed", "xenial").why.lower()
    assert claims_without_a_file(made, scenes.manifest(ubuntu)) == []


def test_without_launchpad_nothing_is_known_and_nothing_proposed(ubuntu: Place) -> None:
    made = scenes.checklist(ubuntu, NOT_ASKED)
    assert made.tags == ()
    assert one_item(made, "template filled in").state == "unknown"
    assert one_item(made, "is in xenial-proposed").why == "Launchpad was not asked."
    assert "is not known" in one_item(made, "smoke passed", "xenial").why
    assert "Launchpad was not asked." in as_text(made)
    assert claims_without_a_file(made, scenes.manifest(ubuntu)) == []


def _tags(*tags: str) -> Callable[[Facts], Facts]:
    return lambda known: replace(known, bug=scenes.bug(tags))


def _no_bug(known: Facts) -> Facts:
    return replace(known, bug=None)


def _not_published(known: Facts) -> Facts:
    return replace(known, publications={**known.publications, XENIAL: ()})


def _no_files(known: Facts) -> Facts:
    return replace(known, binaries={})


def _superseded(known: Facts) -> Facts:
    gone = tuple(
        replace(publication, status="Superseded") for publication in known.publications[XENIAL]
    )
    return replace(known, publications={**known.publications, XENIAL: gone})


def _pending(known: Facts) -> Facts:
    there, *rest = known.publications[XENIAL] or (scenes.publication("xenial", "1"),)
    still = (replace(there, status="Pending"), *rest)
    return replace(known, publications={**known.publications, XENIAL: still})


LACKS = (
    _pending, _no_bug, _not_published, _no_files, _superseded, _tags(),
    _tags(*scenes.NEEDED, "verification-failed-xenial"),
    _tags(*scenes.NEEDED, "regression-proposed"),
)  # fmt: skip


@pytest.fixture
def tested(ubuntu: Place) -> Place:
    ubuntu.evidence()
    return ubuntu


@pytest.mark.parametrize("lack", LACKS)
def test_each_lack_alone_keeps_xenial_from_being_proposed(
    tested: Place, lack: Callable[[Facts], Facts]
) -> None:
    found = check.load(tested.store.work / "evidence" / "latest")
    sound = scenes.facts(tested)
    for known, proposed in ((sound, True), (lack(sound), False)):
        made = make(tested.recipe(), found, known, sha256="e" * 64, now=scenes.NOW)
        assert ("xenial" in [tag.series for tag in made.tags]) == proposed


@given(lacks=st.lists(st.sampled_from(LACKS), min_size=1, unique=True))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_lacking_xenial_is_not_proposed(
    tested: Place, lacks: list[Callable[[Facts], Facts]]
) -> None:
    known = scenes.facts(tested)
    for lack in lacks:
        known = lack(known)
    found = check.load(tested.store.work / "evidence" / "latest")
    made = make(tested.recipe(), found, known, sha256="e" * 64, now=scenes.NOW)
    assert "xenial" not in [tag.series for tag in made.tags]
    assert claims_without_a_file(made, found) == []


# ---------------------------------------------------------------------------- the bug itself


def test_a_half_filled_template_is_told_part_by_part(ubuntu: Place) -> None:
    text = "[Impact]\nTODO: why\n\n[Test Case]\n\n[Regression Potential]\nLow.\n"
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu, scenes.bug(description=text)))
    found = one_item(made, "filled-in template")
    assert found.state == "missing"
    assert found.why == (
        "[ Impact ] still has TODO in it; [ Test Plan ] is empty; "
        "[ Where problems could occur ] says 'Low.', which is never accepted."
    )


@pytest.mark.parametrize(
    ("text", "lack"),
    [
        ("", "[ Impact ] is missing"),
        (scenes.GOOD.replace("Two renewals", "<fill in>"), "[ Impact ] still has <fill in> in it"),
        (scenes.GOOD.replace("[ Test Plan ]", ""), "[ Test Plan ] is missing"),
    ],
)
def test_a_template_lacks(text: str, lack: str) -> None:
    assert lack in template.faults(text)


def test_a_filled_template_lacks_nothing() -> None:
    assert template.faults(scenes.GOOD) == ()
    assert template.faults(scenes.GOOD, (*template.REQUIRED, "Major Changes")) == (
        "[ Major Changes ] is missing",
    )


def test_a_done_tag_that_this_evidence_does_not_prove_is_for_a_person(place: Place) -> None:
    where = scenes.place(place, "stand-in")
    seen = scenes.bug(("verification-done-xenial",))
    made = scenes.checklist(where, scenes.facts(where, seen))
    found = one_item(made, "tagged verification-done-xenial")
    assert (found.state, found.why) == ("person", "It is, but not by this evidence.")


# -------------------------------------------------------------------------- the exception

EXCEPTION = SruException(
    "https://example.org/exception-Alpha-Updates",
    ("Major Changes",),
    (
        ExceptionItem("Two renewals ended well", "alpha", ("renew",)),
        ExceptionItem("Somebody has looked at it", why="with eyes", advice="a lamp helps"),
    ),
)


def with_exception(where: Place, known: Facts) -> Checklist:
    found, recipe = scenes.manifest(where), replace(where.recipe(), exception=EXCEPTION)
    return make(recipe, found, known, sha256="e" * 64, now=scenes.NOW)


def test_what_the_exception_asks_for_is_proved_by_its_tests_in_each_series(ubuntu: Place) -> None:
    ubuntu.verdicts["test/yakkety/alpha.renew"] = Failed("test", "it lost")
    made = with_exception(ubuntu, scenes.facts(ubuntu))
    found = items(made, "Two renewals ended well")
    assert [(one.place, one.state) for one in found] == [("xenial", "done"), ("yakkety", "missing")]
    assert found[0].why == "renew of alpha does it."
    assert found[0].sha256 == scenes.manifest(ubuntu).files[found[0].evidence].sha256
    assert found[1].evidence == manifest.FILE


def test_a_test_that_is_not_proved_does_not_fulfil_the_exception(ubuntu: Place) -> None:
    for series in ("xenial", "yakkety"):
        ubuntu.verdicts[f"test/{series}/alpha.renew"] = Skipped("no IPv6 here")
    made = with_exception(ubuntu, scenes.facts(ubuntu))
    assert {item.state for item in items(made, "Two renewals ended well")} == {"missing"}


def test_the_exceptions_page_is_named_and_its_heading_is_asked_for(ubuntu: Place) -> None:
    made = with_exception(ubuntu, scenes.facts(ubuntu))
    by_hand = one_item(made, "Somebody has looked at it")
    assert (by_hand.state, by_hand.why, by_hand.advice) == (
        "person", "With eyes.", "A lamp helps.",
    )  # fmt: skip
    assert by_hand.rule == by_hand.evidence == EXCEPTION.page
    assert one_item(made, "filled-in template").why == "[ Major Changes ] is missing."
    plain = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert one_item(plain, "filled-in template").state == "done"
    assert items(plain, "Two renewals") == []


def test_the_comment_counts_when_it_has_this_evidences_hash(ubuntu: Place) -> None:
    known = scenes.facts(ubuntu)
    assert known.bug is not None
    assert one_item(scenes.checklist(ubuntu, known), "A comment says").state == "missing"
    posted = replace(known.bug, comments=(*known.bug.comments, f"tested, sha256 {'e' * 64}"))
    made = with_exception(ubuntu, replace(known, bug=posted))
    assert one_item(made, "A comment says").state == "done"
    assert one_item(scenes.checklist(ubuntu, NOT_ASKED), "A comment says").state == "unknown"


# ------------------------------------------------------------------ ageing, phasing, new, later


def test_the_days_in_proposed_are_counted(ubuntu: Place) -> None:
    known = scenes.facts(ubuntu)
    young = scenes.publication(
        "xenial", ubuntu.version("xenial"), since="2026-11-20T13:00:00+00:00"
    )
    other = {**known.publications, XENIAL: (young, *known.publications[XENIAL][1:])}
    made = scenes.checklist(ubuntu, replace(known, publications=other))
    old, new = one_item(made, "for 7 days", "yakkety"), one_item(made, "for 7 days", "xenial")
    assert (old.state, old.why) == ("done", "11 days, since 2026-11-12.")
    assert (new.state, new.why) == ("missing", "2 days, since 2026-11-20.")


def test_phasing_is_shown_as_far_as_launchpad_tells(ubuntu: Place) -> None:
    known = scenes.facts(ubuntu)
    version = ubuntu.version("xenial")
    there = scenes.publication("xenial", version, "Updates")
    files = {XENIAL: (replace(known.binaries[XENIAL][0], phased=30),)}
    changed = replace(known, publications={**known.publications, XENIAL: (there,)}, updates=files)
    found = one_item(scenes.checklist(ubuntu, changed), "released to all users", "xenial")
    assert (found.state, found.why) == (
        "missing", "In xenial-updates, offered to 30 % of the users.",
    )  # fmt: skip


def test_what_launchpad_does_not_tell_has_an_address(ubuntu: Place) -> None:
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    found = one_item(made, "depends on it regressed", "xenial")
    assert found.state == "unknown"
    assert found.evidence.endswith("/xenial/update_excuses.html#alpha")


def test_a_new_source_package_needs_an_archive_admin_too(ubuntu: Place) -> None:
    known = scenes.facts(ubuntu)
    only = {**known.publications, XENIAL: known.publications[XENIAL][:1]}
    made = scenes.checklist(ubuntu, replace(known, publications=only))
    found = one_item(made, "needs two approvals")
    assert (found.state, found.place) == ("person", "alpha in xenial")


def test_the_later_series_comes_first(ubuntu: Place) -> None:
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    found = one_item(made, "yakkety has it already")
    assert (found.state, found.place) == ("missing", "alpha in xenial")


# ------------------------------------------------------------------------------ the comment


def comment_of(where: Place, known: Facts, series: str = "xenial") -> str:
    folder = where.evidence().folder
    found = scenes.manifest(where)
    made = make(where.recipe(), found, known, sha256="e" * 64, now=scenes.NOW)
    return comment.make(where.recipe(), folder, found, known, checklist=made, series=series)


def test_the_comment_names_versions_origin_tests_and_the_evidences_hash(ubuntu: Place) -> None:
    text = comment_of(ubuntu, scenes.facts(ubuntu))
    version = ubuntu.version("xenial")
    assert text.startswith("Verification done for xenial.\n")
    assert f"alpha:\n  Installed: {version}\n  Origin: " in text
    assert " xenial-proposed/universe\n" in text
    assert "  alpha renew: passed, as it should be\n    log sha256 " in text
    assert text.endswith(f"{scenes.manifest(ubuntu).name}.tar.zst, sha256 {'e' * 64}")


def test_the_comment_on_local_packages_says_what_they_are(place: Place) -> None:
    where = scenes.place(place, "stand-in")
    where.debs["build/xenial/alpha"] = b"built here\n"
    known = scenes.facts(Place(place.root, scenes.PINNED))
    text = comment_of(where, known)
    assert text.startswith("Verification NOT complete for xenial.")
    assert "Origin: built locally, NOT the published file" in text
    assert "does not count: passed on stand-in (Debian bullseye) only" in text


def test_the_checklist_is_read_back_as_it_was_written(ubuntu: Place) -> None:
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert records.decode(Checklist, json.loads(json.dumps(asdict(made)))) == made
