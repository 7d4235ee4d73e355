"""Recipes that are right but for one change, and the sentence that each is refused with."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backport.errors import RecipeError
from backport.recipe.reader import load
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec

Change = Callable[[dict[str, Any]], Any]

TWO = Spec(
    sources=(
        SourceSpec("alpha", quilt={"series": ("one.patch",)}),
        SourceSpec("beta", needs=("alpha",)),
    ),
    variants={"plain": ("alpha",)},
    matrix=(
        {"name": "smoke", "source": "alpha"},
        {
            "name": "harm",
            "source": "beta",
            "run": "long",
            "timeout": 60,
            "control": {"test": "harm-control", "variant": "plain"},
        },
    ),
    archive={("alpha", "xenial"): "0.9-1", ("beta", "xenial"): ""},
    retired={
        "old": {"series": ["xenial"], "outcome": "superseded", "by": ["alpha"], "reason": "renamed"}
    },
)

MORE: dict[str, Any] = {
    "bug": {
        "impact": "Renewals fail.",
        "test-plan": "1. Renew.",
        "where-problems-could-occur": "A lock that stays makes every renewal fail.",
    },
    "exception": {
        "page": "https://example.org/exception",
        "item": [
            {"what": "It runs", "source": "alpha", "tests": ["smoke"]},
            {"what": "It looks well", "person": "Look at it", "address": "https://example.org/"},
        ],
    },
    "test-source": {
        name: {
            "source": "alpha",
            "version": "0.5",
            "series": ["xenial"],
            "purpose": "what the machines have before",
            "upstream": {"pypi": "alpha", "sha256": recipes.SHA256},
            "patches": "patches/alpha",
        }
        for name in ("alpha-old", "alpha-older")
    },
}
"""Tables that a whole recipe has besides those of its specification."""


def whole(spec: Spec = TWO) -> dict[str, Any]:
    """The data of a recipe with every kind of table."""
    return recipes.data(spec) | copy.deepcopy(MORE)


def refusal(path: Path) -> str:
    """The sentence that a recipe is refused with."""
    with pytest.raises(RecipeError) as caught:
        load(path)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refusal_of(root: Path, change: Change, spec: Spec = TWO) -> str:
    """The sentence for a recipe that is right but for one change."""
    content = whole(spec)
    change(content)
    return refusal(recipes.write(root, spec, content))


def put(key: str, to: Any) -> Change:
    """A change: set the value under a key such as ``matrix.test[1].name``; None takes it out."""
    *tables, last = [
        int(part) - 1 if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key)
    ]

    def change(content: dict[str, Any]) -> None:
        table: Any = content
        for part in tables:
            table = table[part]
        if to is None:
            del table[last]
        else:
            table[last] = to

    return change


def take(key: str) -> Change:
    """A change: take this key out."""
    return put(key, None)
