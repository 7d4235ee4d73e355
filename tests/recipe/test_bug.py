from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backport.errors import RecipeError
from backport.recipe.bug import BugText
from backport.recipe.reader import load
from tests.support import recipes
from tests.support.recipes import Spec

GOOD = {
    "impact": "Renewals fail.",
    "test-plan": "1. Renew.",
    "where-problems-could-occur": "A lock that stays makes every renewal fail.",
}


def read(folder: Path, **changes: Any) -> BugText | None:
    content = recipes.data(Spec())
    content["bug"] = {**GOOD, **changes}
    return recipes.load_data(folder, Spec(), content).bug_text


def test_the_sections_tags_and_status_are_read(tmp_path: Path) -> None:
    text = read(tmp_path, **{"other-info": " New. \n", "tags": ["sru"], "status": "In Progress"})
    assert text == BugText(
        "Renewals fail.",
        "1. Renew.",
        "A lock that stays makes every renewal fail.",
        "New.",
        ("sru",),
        "In Progress",
    )


def test_a_recipe_without_the_table_has_no_text(tmp_path: Path) -> None:
    assert recipes.load(tmp_path, Spec()).bug_text is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"impact": " \n"}, r"bug\.impact: this section is empty"),
        ({"test-plan": 5}, r"bug\.test-plan: 5 is not a string"),
        ({"where-problems-could-occur": "None."}, "cannot break anything is not believed"),
        ({"where-problems-could-occur": "low risk"}, "cannot break anything is not believed"),
        ({"impact": "a\n[ Test Case ]\nb"}, "would begin another section"),
        ({"other-info": "[Impact]"}, r"bug\.other-info: the line '\[Impact\]' would begin"),
        ({"tags": ["Two Words"]}, "'Two Words' is no tag"),
        ({"status": "Done"}, r"bug\.status: 'Done' is no status.*In Progress"),
        ({"impcat": "x"}, r"bug\.impcat: this key is unknown; write impact"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        read(tmp_path, **changes)


def test_a_missing_section_is_told_with_what_to_write(tmp_path: Path) -> None:
    content = recipes.data(Spec())
    content["bug"] = {key: text for key, text in GOOD.items() if key != "test-plan"}
    with pytest.raises(RecipeError, match=r"bug\.test-plan: this key is missing; write the steps"):
        recipes.load_data(tmp_path, Spec(), content)


def test_the_recipe_of_this_repository_has_all_four_sections() -> None:
    text = load(Path(__file__).parents[2] / "backport.toml").bug_text
    assert text is not None
    assert "at the same time" in text.impact
    assert "certbot renew" in text.test_plan
    assert "lock" in text.problems
    assert "python-filelock" in text.other_info
