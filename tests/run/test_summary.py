from __future__ import annotations

from pathlib import Path

import pytest

from backport.engine.step import Step, StepId
from backport.engine.store import Result
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.environments.base import Differing, PreparedBase
from backport.recipe.model import Recipe
from backport.run import plan, summary
from backport.run.plan import Selection
from backport.run.summary import Summary
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec

SPEC = Spec(
    sources=(
        SourceSpec("alpha", series=("yakkety",)),
        SourceSpec("python-beta-with-a-name", series=("xenial", "yakkety"), needs=("alpha",)),
        SourceSpec("gamma", series=("xenial", "yakkety"), pinned="1.0-1"),
    ),
    variants={"plain": ("gamma",)},
    matrix=(
        {"name": "smoke", "source": "alpha"},
        {"name": "smoke", "source": "gamma"},
        {"name": "race", "source": "gamma", "control": {"test": "harm", "variant": "plain"}},
    ),
)


ALPHA = StepId("build", "xenial", "alpha")
NOWHERE = Path("/nowhere")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return recipes.load(tmp_path, SPEC)


def ended(steps: dict[StepId, Step], verdicts: dict[str, Verdict]) -> dict[StepId, Result]:
    """How each step ended: as given, skipped since a need did not pass, else passed."""
    results: dict[StepId, Result] = {}
    for step_id, step in steps.items():
        bad = [need for need in step.needs if not isinstance(results[need].verdict, Passed)]
        verdict = verdicts.get(str(step_id), Passed("done"))
        if bad:
            verdict = Skipped(f"{bad[0]} did not pass")
        code = 4 if isinstance(verdict, (Failed, Broken)) else 0
        results[step_id] = Result(step_id, "", verdict, "", 12.3, 0.0, exit_code=code)
    return results


def made(
    recipe: Recipe,
    verdicts: dict[str, Verdict] | None = None,
    differing: tuple[Differing, ...] = (),
) -> Summary:
    steps = plan.make(recipe, Selection(), "stand-in")
    return summary.make(
        recipe,
        steps,
        ended(steps, verdicts or {}),
        {
            (source.name, series.name): f"1.0-0ubuntu0.{series.version}.1~standin1"
            for source in recipe.sources
            for series in recipe.series
        },
        bases=[PreparedBase("stand-in", "Debian bullseye", NOWHERE, NOWHERE, NOWHERE, differing)],
        seconds=61.0,
    )


def test_the_text_of_a_run_that_passed(recipe: Recipe) -> None:
    expected = """
Summary
  series   source package           version                        build        check
  xenial   python-beta-with-a-name  1.0-0ubuntu0.16.04.1~standin1  passed 12 s  passed
  xenial   gamma                    1.0-0ubuntu0.16.04.1~standin1  passed 12 s  passed
      smoke passed
      race passed
      harm (negative control on plain) passed
  yakkety  alpha                    1.0-0ubuntu0.16.10.1~standin1  passed 12 s  passed
      smoke passed
  yakkety  python-beta-with-a-name  1.0-0ubuntu0.16.10.1~standin1  passed 12 s  passed
  yakkety  gamma                    1.0-0ubuntu0.16.10.1~standin1  passed 12 s  passed
      smoke passed
      race passed
      harm (negative control on plain) passed
Base of builds and tests: stand-in (Debian bullseye).
Made from upstream's tarball with our own packaging, for testing only (~standin1, never to be
    uploaded): alpha, python-beta-with-a-name.
Tests: 7 passed, 0 failed, 0 skipped, 0 broken. Time: 61 s. Files: /w"""
    assert summary.as_text(made(recipe), "/w") == expected


FAILED = Failed("check", "1 error; the first: debian/compat: too new (newer-debhelper-level)")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (
            {
                "check/xenial/gamma": Passed("1 warning, 15 notes"),
                "check/xenial/gamma.source": Passed("5 notes"),
                "check/yakkety/gamma": Passed("2 warnings"),
                "check/yakkety/alpha": Passed("no findings"),
                # Of all packages of a series together.
                "check/yakkety/lifecycle": Passed("1 warning, 3 notes"),
            },
            "The checks found 4 warnings and 23 notes, in findings.json in the folders of /w/check",
        ),
        (
            {"check/xenial/gamma": FAILED},
            f"xenial/gamma: check: {FAILED.detail} see /w/check/xenial/gamma Base",
        ),
        ({"check/xenial/gamma.source": FAILED}, "skipped since: check/xenial/gamma.source failed"),
        (
            {"test/xenial/gamma.race": Skipped("needs a network")},
            "xenial/gamma race skipped: needs a network see /w/test/xenial/gamma.race Base",
        ),
    ],
)
def test_what_was_found_or_did_not_pass_is_said_with_its_place(
    recipe: Recipe, verdicts: dict[str, Verdict], expected: str
) -> None:
    assert expected in " ".join(summary.as_text(made(recipe, verdicts), "/w").split())


def test_what_was_skipped_over_several_steps_names_where_it_began(recipe: Recipe) -> None:
    told = made(recipe, {"fetch/alpha": Broken("no answer")})
    assert (told.counts["passed"], told.counts["skipped"]) == (0, 7)
    (cause,) = told.causes
    assert (cause.step, cause.verdict) == ("fetch/alpha", "broken")
    assert {"source/yakkety/alpha", "dependencies", "base/xenial", "test/xenial/gamma.race"} <= {
        *cause.skipped
    }
    lines = summary.as_text(told, "/w").splitlines()
    assert "  fetch/alpha broken: no answer" in lines
    assert not any("did not pass" in line for line in lines)
    assert [line for line in lines if "skipped since" in line] == [
        f"  {len(cause.skipped)} steps skipped since: fetch/alpha broken"
    ]
    (yakkety,) = [line for line in told.lines if line.source == "alpha"]
    assert (yakkety.made, yakkety.folder) == ("skipped", "source/yakkety/alpha")


def test_a_test_of_a_test_source_that_did_not_pass_is_said_beside_the_lines(recipe: Recipe) -> None:
    theirs = StepId("test", "xenial", "theirs", test="smoke")
    result = Result(theirs, "", Failed("test", "it is wrong"), "", 1.0, 0.0, exit_code=4)
    told = summary.make(recipe, {theirs: Step(theirs)}, {theirs: result}, {})
    assert told.counts["failed"] == 1
    text = summary.as_text(told, "/w")
    assert "test/xenial/theirs.smoke failed: test: it is wrong" in text


def test_only_packages_with_a_known_version_of_the_series_are_named(recipe: Recipe) -> None:
    versions = (("python-six", "1.10.0-3", "1.15.0-1"), ("apache2", "", "2.4"), ("nginx", "", "1"))
    told = made(recipe, differing=tuple(Differing(*one) for one in versions))
    text = summary.as_text(told, "/w")
    assert "differ (from the series' version): python-six 1.15.0-1 (1.10.0-3)." in text
    assert "For 2 packages of the base the series' version is not known" in text
    assert "apache2" not in text


@pytest.mark.parametrize(
    ("codes", "skipped", "strict", "expected"),
    [
        ((0, 0), False, False, 0),
        ((0, 0), True, False, 0),
        ((0, 0), True, True, 4),
        ((0, 6), True, True, 6),
        ((3, 4), False, False, 3),
    ],
)
def test_the_exit_code_is_that_of_the_first_step_that_did_not_pass(
    codes: tuple[int, ...], skipped: bool, strict: bool, expected: int
) -> None:
    results = [Result(ALPHA, "", Passed(), "", 0.0, 0.0, exit_code=code) for code in codes]
    if skipped:
        results.append(Result(ALPHA, "", Skipped("x did not pass"), "", 0.0, 0.0))
    assert summary.exit_code(results, strict=strict) == expected
