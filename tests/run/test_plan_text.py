from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.recipe.model import Published, Recipe, Review
from backport.recipe.versions import ArchiveVersions
from backport.run import plan, plan_text
from backport.run.plan import Selection
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec, recipe_versions

SPEC = Spec(
    sources=(
        SourceSpec("alpha", series=("xenial",), pinned="1.0-1"),
        SourceSpec("beta", needs=("alpha",), more={"needs-upstream": {"alpha": ["1.0"]}}),
    ),
    archive={("alpha", "xenial"): "0.9-1", ("alpha", "yakkety"): "1.0-1", ("beta", "xenial"): ""},
    retired={
        "old": {"series": ["xenial"], "outcome": "superseded", "by": ["alpha"], "reason": "renamed"}
    },
    variants={"plain": ("alpha",)},
)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return recipes.load(tmp_path, SPEC)


def text(recipe: Recipe, archive: ArchiveVersions | None = None) -> str:
    steps = plan.make(recipe, Selection(), "")
    known = recipe_versions(recipe) if archive is None else archive
    return plan_text.as_text(recipe, known, steps)


def test_the_whole_plan_of_a_small_recipe(recipe: Recipe) -> None:
    expected = Path(__file__).with_name("small-plan.txt").read_text()
    assert [line.split() for line in text(recipe).splitlines()] == [
        line.replace("|", "").split() for line in expected.splitlines()
    ]


OURS = "1.0-1~ubuntu16.04.1"
LATER = Published("2.0-1", "a record")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"xenial": Published("0.9-1", note="a guess")},
            [
                "archive: 0.9-1 (unconfirmed: a guess)",
                "[alpha in xenial: archive < ours]  (unconfirmed)",
            ],
        ),
        (
            {"xenial": Published(OURS, "a record", ours=True)},
            [
                f"archive: {OURS} (a record); already published",
                f"  ok    {OURS} = {OURS}  [alpha in xenial: already published]",
            ],
        ),
        (
            {"xenial": LATER, "yakkety": LATER},
            [
                f"  WRONG 2.0-1 < {OURS}  [alpha in xenial: archive < ours]",
                "  WRONG: beta in yakkety runs with alpha 1.0, but the series has 2.0-1",
            ],
        ),
    ],
)
def test_what_the_archive_has_and_how_it_is_known_is_shown(
    recipe: Recipe, changed: dict[str, Published], expected: list[str]
) -> None:
    archive = {("alpha", series): published for series, published in changed.items()}
    shown = text(recipe, {**recipe_versions(recipe), **archive})
    assert [line for line in expected if line not in shown] == []


def test_what_is_more_to_read_than_the_recipe_allows_is_marked(recipe: Recipe) -> None:
    limits = Review(source={"changelog": 4, "tests": 3}, all={"tests": 5})
    heavy = replace(recipe, review=limits)
    shown = text(heavy).splitlines()
    assert (
        "  WARNING: beta in yakkety: changelog: 5 lines to read, and the limit is 4; "
        "the most: debian/changelog 5"
    ) in shown
    assert (
        "  WARNING: all source packages in xenial: tests: 6 lines to read, and the limit is 5; "
        "the most: alpha debian/tests/control 2, beta debian/tests/control 2, "
        "alpha debian/tests/smoke 1"
    ) in shown
    assert sum("WARNING" in line for line in shown) == 4
    data = plan_text.as_json(heavy, {}, plan.make(heavy, Selection(), ""), [])
    xenial, yakkety = data["review"]
    assert (xenial["series"], xenial["lines"]["alpha"]["tests"]) == ("xenial", 3)
    assert [place for place, _ in yakkety["warnings"]] == ["beta"]
