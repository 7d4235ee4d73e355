from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.check import lifecycle
from backport.check.lifecycle import Package
from backport.recipe import model as update
from backport.recipe.model import Published, Recipe
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec

OWN = [Package("alpha", "2.0", Path("a.deb")), Package("beta", "2.0", Path("b.deb"))]


def recipe_with(root: Path, **versions: str) -> Recipe:
    """A recipe with test sources of these names and upstream versions."""
    recipe = recipes.load(root, Spec(sources=(SourceSpec("alpha"),)))
    source = recipe.sources[0]
    tests = tuple(
        update.TestSource(name, replace(source, version=version), "for a test")
        for name, version in versions.items()
    )
    return replace(recipe, test_sources=tests)


def test_the_test_sources_of_one_version_are_a_set_if_they_are_older(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, old_a="0.4", old_b="0.4", mid="0.8", new="3.0", other="0.1")
    builds = {
        "old_a": [Package("alpha", "0.4-1", Path("x.deb"))],
        "old_b": [Package("beta", "0.4-1", Path("x.deb")), Package("gone", "0.4-1", Path("x"))],
        "mid": [Package("alpha", "0.8-1", Path("x.deb"))],
        "new": [Package("alpha", "3.0-1", Path("x.deb"))],
        "other": [Package("unknown", "0.1-1", Path("x.deb"))],
        "alpha": OWN,
    }
    groups = list(lifecycle.older(recipe, builds, OWN))
    assert [[(one.name, one.version) for one in group] for group in groups] == [
        [("alpha", "0.4-1"), ("beta", "0.4-1"), ("gone", "0.4-1")],
        [("alpha", "0.8-1")],
    ]


@pytest.mark.parametrize(
    ("has", "tried", "found"),
    [
        ("", ["alpha", "beta"], []),
        ("", ["alpha"], [("info", "beta")]),
        ("", [], [("info", "alpha"), ("info", "beta")]),
        # The other package is new in the source package.
        ("0.4-1", ["alpha"], [("info", "beta")]),
        ("0.4-1", [], [("warning", "alpha"), ("warning", "beta")]),
    ],
)
def test_an_upgrade_that_was_not_tried_though_the_archive_has_the_source_is_a_warning(
    has: str, tried: list[str], found: list[tuple[str, str]]
) -> None:
    xenial = update.Series("xenial", "16.04", archive={"source": Published(has)})
    older = [Package(name, "0.4-1", Path("x.deb")) for name in tried]
    left = list(lifecycle.not_tried(xenial, {"source": OWN}, [older]))
    assert [(one.severity, one.place) for one in left] == found
    assert all((f"of source, which has {has} there" in one.why) == bool(has) for one in left)


@pytest.mark.parametrize(
    ("there", "older"),
    [
        ([], False),
        (["alpha 1.0", "unknown 9"], True),
        (["alpha 2.0"], False),
        (["alpha 1.0", "beta 2.1"], False),
    ],
)
def test_what_is_newer_or_the_same_is_nothing_to_upgrade_from(
    there: list[str], older: bool
) -> None:
    some = [Package(name, version, Path("x.deb")) for name, version in map(str.split, there)]
    assert lifecycle.are_older(some, OWN) is older
