from pathlib import Path
from typing import Any

import pytest

from backport.errors import RecipeError
from backport.recipe.exception import ExceptionItem, SruException
from tests.support.recipes import Spec, data, load_data

PAGE = "https://example.org/exception"
SPEC = Spec(matrix=({"name": "smoke", "source": "alpha"},))


def load(root: Path, **exception: Any) -> SruException | None:
    content = {**data(SPEC), "exception": {"page": PAGE, **exception}}
    return load_data(root, SPEC, content).exception


def test_an_exception_has_a_page_headings_and_items(tmp_path: Path) -> None:
    tested = {"what": "It runs", "source": "alpha", "tests": ["smoke"]}
    by_hand = {"what": "It looks well", "person": "Look at it", "address": "https://x.org/"}
    assert load(tmp_path, headings=["Changes"], item=[tested, by_hand]) == SruException(
        PAGE,
        ("Changes",),
        (
            ExceptionItem("It runs", "alpha", ("smoke",)),
            ExceptionItem("It looks well", why="Look at it", address="https://x.org/"),
        ),
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"page": "exception-Alpha"}, "exception.page: 'exception-Alpha' is no address"),
        ({"item": [{"what": "x"}]}, r"exception.item\[1\].person: this key is missing"),
        ({"item": [{"what": "x", "tests": []}]}, r"item\[1\].person: this key is missing"),
        ({"item": [{"what": "x", "tests": ["y"]}]}, r"item\[1\].source: this key is missing"),
        (
            {"item": [{"what": "x", "source": "beta", "tests": ["smoke"]}]},
            r"exception.item\[1\].source: 'beta' is no source of this recipe",
        ),
        (
            {"item": [{"what": "x", "source": "alpha", "tests": ["gone"]}]},
            r"exception.item\[1\].tests: 'gone' is no test of alpha of this recipe",
        ),
        (
            {"item": [{"what": "x", "person": "y", "source": "alpha"}]},
            "source: this key is unknown",
        ),
        ({"item": [{"what": "x", "person": "y", "address": "z"}]}, "address: 'z' is no address"),
    ],
)
def test_a_wrong_exception_is_refused(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load(tmp_path, **wrong)
