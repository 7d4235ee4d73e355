"""What the actions read from control files, stored bases and autopkgtest's results."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from backport.engine import outputs
from backport.engine.step import Step, StepId
from backport.engine.store import Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.environments.base import Differing, PreparedBase, Wanted
from backport.environments.ubuntu import Ubuntu
from backport.recipe.model import Series
from backport.run import actions
from backport.testbed.result import OneTest, TestResult
from tests.support import recipes
from tests.support.recipes import Spec


def result(verdict: Verdict, *tests: OneTest) -> TestResult:
    return TestResult(verdict, tests, Path("out"), "log", 0, 1.0, {}, {})


def test_the_tests_depends_are_collected_without_the_tested_packages() -> None:
    control = (
        "Tests: one\nDepends: @, certbot (>= 0.10), openssl | libressl\n\n"
        "Tests: two\nDepends: openssl | libressl,\n python2.7, @builddeps@\n"
    )
    assert actions.test_depends(control) == ("certbot (>= 0.10)", "openssl | libressl", "python2.7")


def test_the_verdict_is_that_of_the_test_asked_for() -> None:
    both = result(
        Failed("test", "one of two"),
        OneTest("one", Passed()),
        OneTest("two", Failed("test", "it is wrong")),
    )
    assert actions.single_verdict(both, "one") == Passed()
    assert actions.single_verdict(both, "two") == Failed("test", "it is wrong")


def test_a_skipped_test_stays_skipped() -> None:
    one = result(Skipped("no such bus"), OneTest("one", Skipped("no such bus")))
    assert actions.single_verdict(one, "one") == Skipped("no such bus")


def test_a_test_that_nobody_reported_on_is_broken_even_if_the_run_passed() -> None:
    verdict = actions.single_verdict(result(Passed(), OneTest("other", Passed())), "one")
    assert verdict == Broken("autopkgtest did not report on one")


@pytest.mark.parametrize("verdict", [Failed("badpkg", "not installable"), Broken("no testbed")])
def test_a_run_that_broke_off_gives_its_own_verdict(verdict: Verdict) -> None:
    assert actions.single_verdict(result(verdict), "one") == verdict


def test_a_prepared_base_is_read_as_it_was_written(tmp_path: Path) -> None:
    base = PreparedBase(
        "stand-in",
        "Debian bullseye",
        Path("/r"),
        Path("/c.tar"),
        Path("/t"),
        (Differing("python-six", "1.10.0-3", "1.16.0-2"),),
        notes=("a key was taken",),
    )
    (tmp_path / outputs.PREPARED).write_text(json.dumps(asdict(base), default=str))
    assert outputs.read_prepared(tmp_path) == base


class OldArchive(Ubuntu):
    """An archive that had something to be said of, whose base takes no time."""

    def prepare(self, series: Series, wanted: Wanted, out: Path, cache: Path) -> PreparedBase:
        suite = f"{series.name}, {len(wanted.own)} packages of its own"
        return PreparedBase(self.kind, suite, out, cache, out, notes=("a key was taken",))


def test_the_bases_step_keeps_what_is_to_be_said_of_the_archive(tmp_path: Path) -> None:
    recipe = recipes.load(tmp_path / "recipe", Spec())
    store = Store(tmp_path / "work")
    with store.locked():
        (tmp_path / outputs.WANTED).write_text(json.dumps(ALL))
        options = actions.Options(tmp_path / "cache")
        outcome = actions.Actions(recipe, store, OldArchive(), options).prepare_base(
            Step(StepId("base", "xenial")), tmp_path, {StepId("wanted"): tmp_path}
        )
    assert outcome.verdict == Passed("ubuntu (xenial, 2 packages of its own); a key was taken")
    assert outputs.read_prepared(tmp_path).notes == ("a key was taken",)


ALL = {"build": ["debhelper", "python"], "test": ["apt"], "own": ["alpha", "beta"]}
FEW = {"build": ["debhelper"], "test": ["apt"], "own": ["alpha"]}
OTHER = {"build": ["debhelper", "dh-python"], "test": ["apt"], "own": ["alpha"]}


def test_a_run_that_wants_less_than_the_one_before_takes_its_base(tmp_path: Path) -> None:
    earlier = tmp_path / outputs.WANTED
    assert json.loads(outputs.what_serves(FEW, earlier)) == FEW
    earlier.write_text(outputs.what_serves(ALL, earlier))
    assert outputs.what_serves(FEW, earlier) == earlier.read_text()
    assert outputs.what_serves(ALL, earlier) == earlier.read_text()


def test_a_run_that_wants_more_than_the_one_before_asks_for_it(tmp_path: Path) -> None:
    earlier = tmp_path / outputs.WANTED
    earlier.write_text(outputs.what_serves(FEW, earlier))
    assert json.loads(outputs.what_serves(ALL, earlier)) == ALL
    assert json.loads(outputs.what_serves(OTHER, earlier)) == OTHER
