"""A recipe for another package, from `backport init` to its tests, and the ways it can fail."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.reviewer import hand_over
from tests.e2e.small_recipes import (
    Small,
    add_patch,
    append,
    begin,
    matrix_row,
    one,
    say_in_the_changelog,
)
from tests.e2e.support import Place, must

SERIES = "noble"
SMALL = Small()
VERSION = "1.0-1ubuntu0.1"
BUILD = f"build/{SERIES}/{SMALL.name}"
TEST = f"test/{SERIES}/{SMALL.name}.says"
EDIT = """\
[[source.greeter.control]]
paragraph = "greeter"
field = "Depends"
add = ["ed"]
reason = "the test asks for it"
"""


def test_a_first_recipe_with_a_patch_and_an_edit_is_built_tested_and_believed_elsewhere(
    place: Place, tmp_path: Path
) -> None:
    # The base has to bring what the package, its test and the edit name, and nothing else names.
    small = Small(test_depends="bc").with_test(
        'test "$(greeter)" = "hello, noble"; echo 1+1 | bc; dpkg-query -W ed'
    )
    begin(place, small, SERIES)
    add_patch(place, small, '"hello"', '"hello, noble"')
    append(place, EDIT)
    append(place, matrix_row(small))
    say_in_the_changelog(place, "Greet the series (greeting.patch), and depend on ed.")

    ran = place.run("run", "--base", "stand-in", "--json")

    assert ran.exit_code == 0, ran.stdout + ran.stderr
    (line,) = ran.summary["lines"]
    assert (line["version"], line["build"], line["check"]) == (VERSION, "passed", "passed")
    assert [test["verdict"] for test in line["tests"]] == ["passed"]
    assert ran.summary["testing_only"] == []
    built = one(place.work / BUILD, "greeter_*.deb")
    assert must(["dpkg-deb", "-f", built, "Version", "Depends"]) == (
        f"Version: {VERSION}\nDepends: libc6, ed\n"
    )
    said = (place.work / TEST / "says-stdout").read_text()
    assert said.startswith("2\ned\t")

    them = hand_over(place, tmp_path / "reviewer")
    code, told = them.check()
    assert (code, told["faults"]) == (0, [])
    base = ("--work", str(place.work))
    for step, more, same in (
        (f"source/{SERIES}/greeter", (), ".dsc"),
        ("dependencies", (), "dependencies.json"),
        (BUILD, base, ".deb"),
        (f"check/{SERIES}/greeter.source", (), "findings.json"),
        (f"check/{SERIES}/greeter", base, "findings.json"),
        (f"check/{SERIES}/lifecycle", base, "findings.json"),
        (TEST, base, ""),
    ):
        code, told = them.check("--rerun", step, *more)
        assert (code, told["agrees"], told["different"]) == (0, True, []), told
        assert told["now"]["verdict"] == told["recorded"]["verdict"] == "passed"
        assert not same or any(name.endswith(same) for name in told["same"]), step


def test_what_init_writes_is_green_as_it_is(place: Place) -> None:
    begin(place, SMALL, SERIES, whole=True)

    ran = place.run("run", "--base", "stand-in", "--json")

    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert ran.summary["suite"] == "Debian bookworm"
    (line,) = ran.summary["lines"]
    assert (line["version"], line["build"], line["check"]) == (
        "1.0-1~ubuntu24.04.1",
        "passed",
        "passed",
    )
    assert [(test["test"], test["control"], test["verdict"]) for test in line["tests"]] == [
        ("installed", False, "passed"),
        ("installed-control", True, "passed"),
        ("says", False, "passed"),
    ]


def test_a_test_of_the_archives_fails_the_update_only_where_it_passed_before(
    place: Place, tmp_path: Path
) -> None:
    small = Small(test="echo no >&2; false", second_test='test "$(greeter)" = hello')
    begin(place, small, SERIES, whole=True)
    add_patch(place, small, '"hello"', '"hello, noble"')
    say_in_the_changelog(place, "Greet the series (greeting.patch).")

    ran = place.run("test", "--base", "stand-in", "--test", "says", "--test", "greets", "--json")

    assert ran.exit_code == 4, ran.stdout + ran.stderr
    (line,) = ran.summary["lines"]
    ended = {test["test"]: test for test in line["tests"]}
    assert {name: test["verdict"] for name, test in ended.items()} == {
        "says": "skipped",
        "greets": "failed",
    }
    assert "failed before too, on greeter-before: non-zero" in ended["says"]["reason"]
    assert "on greeter-before, from before: passed" in ended["greets"]["reason"]
    assert (ran.summary["counts"]["skipped"], ran.summary["counts"]["failed"]) == (1, 1)
    again, told = hand_over(place, tmp_path / "reviewer").check()
    assert (again, told["faults"]) == (0, [])


def test_a_change_that_the_changelog_does_not_speak_of_fails_the_check(place: Place) -> None:
    begin(place, SMALL, SERIES)
    append(place, EDIT)

    ran = place.run("check", "--base", "stand-in", "--json")

    assert ran.exit_code == 4
    ended = ran.finished(f"check/{SERIES}/greeter.source")
    assert (ended["verdict"], ended["stage"]) == ("failed", "check")
    assert "Depends: ed changed, and the changelog does not speak of it" in ended["detail"]
    # Its build is not begun, and the summary says why.
    assert ran.finished(BUILD)["verdict"] == "skipped"
    (cause,) = ran.summary["causes"]
    assert cause["step"] == f"check/{SERIES}/greeter.source"
    assert BUILD in cause["skipped"]


def test_a_failing_build_names_its_stage_and_log(place: Place) -> None:
    small = Small(commands="echo a unit test fails; false")
    begin(place, small, SERIES)
    append(place, matrix_row(small))

    ran = place.run("run", "--base", "stand-in")

    assert ran.exit_code == 4
    ended = place.record(BUILD)["verdict"]
    assert (ended["verdict"], ended["stage"]) == ("failed", "build")
    assert "a unit test fails" in (place.work / BUILD / ended["log"]).read_text()
    assert not list((place.work / BUILD).glob("*.deb"))
    assert f"{place.work}/{BUILD}" in ran.stdout
    summary = json.loads((place.work / "summary.json").read_text())
    assert summary["counts"]["skipped"] == 1
