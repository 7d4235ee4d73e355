from __future__ import annotations

from pathlib import Path

from backport.recipe.model import PackagingEdit
from backport.recipe.reader import load
from tests.support import recipes
from tests.support.wrong_recipes import TWO, put, refusal_of

EDIT = {"file": "alpha.cron.d", "replaces": True, "reason": "another hour"}


def test_packaging_edits_are_read(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    required = {"file": "rules", "requires": ["dh_x"], "reason": "why", "series": ["xenial"]}
    content["source"]["alpha"]["packaging"] = [EDIT, required]
    recipe = load(recipes.write(tmp_path, TWO, content))
    assert recipe.source("alpha").packaging == (
        PackagingEdit("alpha.cron.d", "another hour", replaces=True),
        PackagingEdit("rules", "why", requires=("dh_x",), series=("xenial",)),
    )


def test_an_overlay_for_a_series_that_the_recipe_lacks_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "patches" / "alpha" / "overlay.trusty"
    folder.mkdir(parents=True)
    (folder / "note").write_text("x\n")
    sentence = refusal_of(tmp_path, put("update.ppa", to="owner/name"))
    assert "(overlay.trusty): 'trusty' is no series of this recipe" in sentence
