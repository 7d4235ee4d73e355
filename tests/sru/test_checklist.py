from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backport.engine.verdict import Broken, Failed, Skipped, Verdict
from backport.launchpad.bug import template
from backport.recipe.bug import ExceptionItem, SruException
from backport.sru import manifest
from backport.sru.checklist import make
from backport.sru.checklist_data import Checklist, Item, as_text
from backport.sru.facts import NOT_ASKED, Facts
from tests.sru import scenes
from tests.sru.runs import Place

XENIAL = ("alpha", "xenial")
Change = Callable[[Facts], Facts]


def items(made: Checklist, words: str, place: str = "") -> list[Item]:
    return [item for item in made.items if words in item.what and place in item.place]


def one_item(made: Checklist, words: str, place: str = "") -> Item:
    (item,) = items(made, words, place)
    return item


def leads_somewhere(where: Place, made: Checklist) -> bool:
    """Whether each line leads to a file of the evidence or to an address."""
    known = {*scenes.manifest(where).files, manifest.FILE}
    return all(one.evidence in known or one.evidence.startswith("https://") for one in made.items)


def test_tags_are_proposed_where_every_test_passed_with_the_published_files(ubuntu: Place) -> None:
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert [(tag.add, tag.remove) for tag in made.tags] == [
        ("verification-done-xenial", ("verification-needed-xenial",)),
        ("verification-done-yakkety", ("verification-needed-yakkety",)),
    ]
    tests = items(made, "passed with the packages")
    assert [test.state for test in tests] == ["done"] * 6
    assert leads_somewhere(ubuntu, made)
    files = scenes.manifest(ubuntu).files
    assert all(test.sha256 == files[test.evidence].sha256 for test in tests)


def test_tests_that_passed_on_the_stand_in_only_prove_nothing(place: Place) -> None:
    standin = scenes.place(place, "stand-in")
    seen = scenes.bug(("verification-done-xenial", scenes.NEEDED[1]))
    known = scenes.facts(standin, seen)
    standin.debs["build/xenial/alpha"] = b"built here\n"
    made = scenes.checklist(standin, known)
    assert made.tags == ()
    tests = items(made, "passed with the packages")
    assert {(item.state, item.why) for item in tests} == {
        ("missing", "Passed on stand-in (Debian bullseye) only, not on Ubuntu.")
    }
    item = one_item(made, "tagged verification-done-xenial")
    assert (item.state, item.why) == ("person", "It is, but not by this evidence.")
    text = scenes.comment_of(standin, known)
    assert text.startswith("Verification NOT complete for xenial.")
    assert "Origin: built locally, NOT the published file" in text
    assert "does not count: passed on stand-in (Debian bullseye) only" in text


@pytest.mark.parametrize(
    ("step", "verdict", "test", "why"),
    [
        ("test/xenial/alpha.renew", Skipped("no IPv6 here"), "renew",
         "Skipped, which is no pass: no IPv6 here."),
        ("test/xenial/alpha.renew-control+unpatched", Broken("harm not seen"),
         "renew-control+unpatched", "Broken: harm not seen."),
        ("build/xenial/alpha", Failed("build", "no", "build.log"), "smoke",
         "Skipped, which is no pass: a step that it needs did not pass."),
    ],
)  # fmt: skip
def test_what_did_not_pass_here_takes_the_proof_of_its_series_away(
    ubuntu: Place, step: str, verdict: Verdict, test: str, why: str
) -> None:
    ubuntu.verdicts[step] = verdict
    made = scenes.checklist(ubuntu, scenes.facts(ubuntu))
    assert [tag.series for tag in made.tags] == ["yakkety"]
    assert one_item(made, f"{test} passed", "xenial").why == why
    assert leads_somewhere(ubuntu, made)


def test_without_launchpad_nothing_is_known_and_nothing_proposed(ubuntu: Place) -> None:
    made = scenes.checklist(ubuntu, NOT_ASKED)
    assert made.tags == ()
    assert one_item(made, "template filled in").state == "unknown"
    assert one_item(made, "A comment says").state == "unknown"
    assert one_item(made, "is in xenial-proposed").why == "Launchpad was not asked."
    assert "is not known" in one_item(made, "smoke passed", "xenial").why
    assert "Launchpad was not asked." in as_text(made)
    assert leads_somewhere(ubuntu, made)


def _published(**changes: str) -> Change:
    def changed(known: Facts) -> Facts:
        own = tuple(replace(one, **changes) for one in known.publications.get(XENIAL, ()))  # type: ignore[arg-type]
        return replace(known, publications={**known.publications, XENIAL: own})

    return changed


def _files(*digests: str) -> Change:
    def changed(known: Facts) -> Facts:
        own = known.binaries.get(XENIAL, ())
        files = tuple(replace(file, sha256=one) for file in own for one in digests)
        return replace(known, binaries={**known.binaries, XENIAL: files})

    return changed


def _tags(*tags: str) -> Change:
    return lambda known: replace(known, bug=scenes.bug(tags))


# What Launchpad may say; and, where the proof itself is gone, why.
@pytest.mark.parametrize(("lack", "why"), [
    (_published(version="1.0-1ubuntu0.99"),
     "xenial-proposed has 1.0-1ubuntu0.99: evidence of another version"),
    (_published(status="Superseded"), "alpha is not in xenial-proposed"),
    (_published(pocket="Updates"), "alpha is not in xenial-proposed"),
    (_published(status="Pending"), ""),
    (_files(), "is not the file that is published"),
    (_files("0" * 64), "is not the file that is published"),
    (lambda known: replace(known, bug=None), ""),
    (_tags(), ""),
    (_tags(*scenes.NEEDED, "verification-failed-xenial"), ""),
    (_tags(*scenes.NEEDED, "regression-proposed"), ""),
])  # fmt: skip
def test_each_lack_alone_keeps_xenial_from_being_proposed(
    ubuntu: Place, lack: Change, why: str
) -> None:
    sound = scenes.facts(ubuntu)
    assert [one.series for one in scenes.checklist(ubuntu, sound).tags] == [*scenes.SERIES]
    made = scenes.checklist(ubuntu, lack(sound))
    assert "xenial" not in [tag.series for tag in made.tags]
    assert leads_somewhere(ubuntu, made)
    smoke = one_item(made, "smoke passed", "xenial")
    assert (why in smoke.why, smoke.state) == (True, "missing" if why else "done")


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        (scenes.GOOD, ()),
        ("[Impact]\nTODO: why\n\n[Test Case]\n\n[Regression Potential]\nLow.\n",
         ("[ Impact ] still has TODO in it", "[ Test Plan ] is empty",
          "[ Where problems could occur ] says 'Low.', which is never accepted")),
        (scenes.GOOD.replace("Two renewals", "<fill in>"),
         ("[ Impact ] still has <fill in> in it",)),
        (scenes.GOOD.replace("[ Test Plan ]", ""), ("[ Test Plan ] is missing",)),
    ],
)  # fmt: skip
def test_what_the_template_lacks_is_told_part_by_part(text: str, lacks: tuple[str, ...]) -> None:
    assert template.faults(text) == lacks


EXCEPTION = SruException(
    "https://example.org/exception-Alpha-Updates",
    ("Major Changes",),
    (
        ExceptionItem("Two renewals ended well", "alpha", ("renew",)),
        ExceptionItem("Somebody has looked at it", why="with eyes", advice="a lamp helps"),
    ),
)


def test_what_the_exception_asks_for_is_proved_by_its_tests_in_each_series(ubuntu: Place) -> None:
    ubuntu.verdicts["test/yakkety/alpha.renew"] = Skipped("no IPv6 here")
    known = scenes.facts(ubuntu)
    proofs = scenes.proofs(ubuntu, known)
    recipe, files = replace(proofs.recipe, exception=EXCEPTION), proofs.evidence.files
    made = make(replace(proofs, recipe=recipe), scenes.NOW)
    done, missing = items(made, "Two renewals ended well")
    assert (done.place, done.state, done.why) == ("xenial", "done", "renew of alpha does it.")
    assert done.sha256 == files[done.evidence].sha256
    assert (missing.place, missing.state) == ("yakkety", "missing")
    assert missing.evidence == manifest.FILE
    by_hand = one_item(made, "Somebody has looked at it")
    assert (by_hand.state, by_hand.why) == ("person", "With eyes.")
    assert by_hand.rule == by_hand.evidence == EXCEPTION.page
    assert one_item(made, "filled-in template").why == "[ Major Changes ] is missing."
    plain = scenes.checklist(ubuntu, known)
    assert one_item(plain, "filled-in template").state == "done"
    assert items(plain, "Two renewals") == []


def _released(known: Facts) -> Facts:
    files = {XENIAL: (replace(known.binaries[XENIAL][0], phased=30),)}
    return replace(_published(pocket="Updates")(known), updates=files)


def _new(known: Facts) -> Facts:
    there = known.publications[XENIAL][:1]
    return replace(known, publications={**known.publications, XENIAL: there})


def _private(known: Facts) -> Facts:
    return replace(known, bug=replace(scenes.bug(), private=True))


def _commented(known: Facts) -> Facts:
    comments = (f"tested, sha256 {'e' * 64}",)
    return replace(known, bug=replace(scenes.bug(), comments=comments))


@pytest.mark.parametrize(
    ("change", "words", "state", "why"),
    [
        (_published(published="2026-11-20T13:00:00+00:00"), "xenial-proposed for 7 days", "missing",
         "2 days, since 2026-11-20."),
        (replace, "xenial-proposed for 7 days", "done", "11 days, since 2026-11-12."),
        (_released, "released to all users", "missing",
         "In xenial-updates, offered to 30 % of the users."),
        (_new, "needs two approvals", "person", "The series does not have this source: "),
        (replace, "yakkety has it already", "missing", "yakkety-updates does not have "),
        (replace, "depends on it regressed", "unknown", "Launchpad does not tell the results"),
        (replace, "A comment says", "missing", "There is none of this evidence."),
        (_private, "The bug is public", "missing", "The bug is private: an update needs"),
        (_commented, "A comment says", "done", "It is there, with this evidence's hash."),
    ],
)  # fmt: skip
def test_what_is_asked_for_beside_the_tests_is_told_as_far_as_it_is_known(
    ubuntu: Place, change: Change, words: str, state: str, why: str
) -> None:
    made = scenes.checklist(ubuntu, change(scenes.facts(ubuntu)))
    item = next(item for item in items(made, words) if item.place in ("alpha in xenial", "LP: #1"))
    assert item.state == state
    assert item.why.startswith(why)


def test_the_comment_names_versions_origin_tests_and_the_evidences_hash(ubuntu: Place) -> None:
    text = scenes.comment_of(ubuntu, scenes.facts(ubuntu))
    version = ubuntu.version("xenial")
    assert text.startswith("Verification done for xenial.\n")
    assert f"alpha:\n  Installed: {version}\n  Origin: " in text
    assert " xenial-proposed/universe\n" in text
    assert "  alpha renew: passed, as it should be\n    log sha256 " in text
    assert text.endswith(f"{scenes.manifest(ubuntu).name}.tar.zst, sha256 {'e' * 64}")
