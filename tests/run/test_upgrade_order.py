from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.recipe import versions
from backport.recipe.model import Published
from backport.run import upgrade_order
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec


def spec(pinned: str, has: str) -> Spec:
    alpha = SourceSpec("alpha", pinned=pinned, series=("xenial",))
    return Spec((alpha,), ("xenial",), archive={("alpha", "xenial"): has} if has else {})


@pytest.mark.parametrize(
    ("pinned", "has", "later"),
    [
        ("1.0-1", "1.0-1ubuntu0.1", True),
        ("1.0-1", "1.0-1", False),
        ("1.0-1", "0.9-1", False),
        ("1.0-1", "", False),
        ("", "2.0-1", False),
    ],
)
def test_a_later_version_than_the_pinned_package_is_said_before_anything_is_made(
    tmp_path: Path, pinned: str, has: str, later: bool
) -> None:
    recipe, notes = recipes.load(tmp_path, spec(pinned, has)), list[str]()
    upgrade_order.archive_versions(
        recipe, tmp_path / "cache", tmp_path / "work", offline=True, note=notes.append
    )
    said = [
        note for note in notes if note.startswith(f"xenial has alpha {has}, later than the pinned")
    ]
    assert bool(said) == later
    advice = f'"{has}", and then run: backport pin --update --source alpha'
    assert all(one.endswith(f"start from it, write debian-version = {advice}") for one in said)


def test_our_own_upload_does_not_overtake_the_pinned_package(tmp_path: Path) -> None:
    source = recipes.load(tmp_path, spec("1.0-1", "")).source("alpha")
    has = Published("1.0-1ubuntu0.1")
    assert versions.overtaken(source, "xenial", has)
    assert not versions.overtaken(source, "xenial", replace(has, ours=True))
