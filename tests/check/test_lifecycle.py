from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backport.check import lifecycle
from backport.check.binaries import Binary
from backport.recipe import model as update
from backport.recipe.model import Published
from tests.build.packages import make_deb
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec


def packages(folder: Path, *told: str) -> list[Binary]:
    """Packages of these names and versions."""
    return [Binary(make_deb(folder, *one.split())) for one in told]


@pytest.fixture
def own(tmp_path: Path) -> list[Binary]:
    return packages(tmp_path / "own", "alpha 2.0", "beta 2.0")


def test_the_test_sources_of_one_version_are_a_set_if_they_are_older(
    tmp_path: Path, own: list[Binary]
) -> None:
    sources = {
        "old-a": ("0.4", "alpha 0.4-1"),
        "old-b": ("0.4", "beta 0.4-1", "gone 0.4-1"),
        "mid": ("0.8", "alpha 0.8-1"),
        "new": ("3.0", "alpha 3.0-1"),
        "other": ("0.1", "unknown 0.1-1"),
    }
    recipe = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha"),)))
    tests = (
        update.TestSource(name, replace(recipe.sources[0], version=version), "for a test")
        for name, (version, *_) in sources.items()
    )
    recipe = replace(recipe, test_sources=tuple(tests))
    builds = {name: packages(tmp_path / name, *made) for name, (_, *made) in sources.items()}
    groups = list(lifecycle.older(recipe, {**builds, "alpha": own}, own))
    assert [[f"{one.name} {one.version}" for one in group] for group in groups] == [
        ["alpha 0.4-1", "beta 0.4-1", "gone 0.4-1"],
        ["alpha 0.8-1"],
    ]


@pytest.mark.parametrize(
    ("has", "tried", "expected"),
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
    tmp_path: Path, own: list[Binary], has: str, tried: list[str], expected: list[tuple[str, str]]
) -> None:
    xenial = update.Series("xenial", "16.04", archive={"source": Published(has)})
    older = packages(tmp_path / "older", *(f"{name} 0.4-1" for name in tried))
    findings = list(lifecycle.not_tried(xenial, {"source": own}, [older]))
    assert [(one.severity, one.place) for one in findings] == expected
    assert all((f"of source, which has {has} there" in one.why) == bool(has) for one in findings)


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
    tmp_path: Path, own: list[Binary], there: list[str], older: bool
) -> None:
    assert lifecycle.are_older(packages(tmp_path / "there", *there), own) is older
