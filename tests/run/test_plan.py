from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from backport.engine.step import KINDS, Step
from backport.recipe.model import ChangelogItem, Recipe, Upstream
from backport.run import plan
from backport.run.plan import Selection
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.steps import by_name, changed, names
from tests.support.steps import planned as made

ALL = Selection()
NAMES = ("alpha", "beta", "gamma", "delta")
PATCHES = {"series": ("one.patch", "two.patch")}

# beta is built on alpha; gamma stands alone. zesty has alpha already.
SPEC = Spec(
    sources=(
        SourceSpec("alpha", series=("xenial", "yakkety"), quilt=PATCHES),
        SourceSpec("beta", series=("xenial", "yakkety", "zesty"), needs=("alpha",), quilt=PATCHES),
        SourceSpec("gamma", series=("xenial",)),
    ),
    series=("xenial", "yakkety", "zesty"),
    variants={"plain": ("beta",)},
    matrix=(
        {"name": "smoke", "source": "alpha"},
        {"name": "race", "source": "beta", "control": {"test": "race-control", "variant": "plain"}},
        {"name": "campaign", "source": "beta", "run": "long"},
    ),
)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return recipes.load(tmp_path, SPEC)


def of_kind(steps: dict[str, Step], kind: str) -> list[str]:
    return [name for name, step in steps.items() if step.id.kind == kind]


def of_series(series: str, built: str, tests: str) -> dict[str, set[str]]:
    """The steps of a series, where these sources are built and these tests run."""
    steps: dict[str, set[str]] = {}
    names = built.split()
    base, builds = f"base/{series}", {f"build/{series}/{name}" for name in names}
    for name in names:
        source, check = f"source/{series}/{name}", f"check/{series}/{name}.source"
        steps[check] = {source, f"fetch/{name}"}
        for mark in ("", "+plain") if name == "beta" else ("",):
            steps[f"{source}{mark}"] = {f"fetch/{name}"}
            needs = {f"build/{series}/alpha"} if name == "beta" and "alpha" in names else set()
            steps[f"build/{series}/{name}{mark}"] = {f"{source}{mark}", check, base, *needs}
        build = f"build/{series}/{name}"
        steps[f"check/{series}/{name}"] = {f"fetch/{name}", build, *steps[build]}
    steps[f"check/{series}/lifecycle"] = {base, *builds}
    for test in tests.split():
        source = test.partition(".")[0]
        steps[f"test/{series}/{test}"] = {base, f"source/{series}/{source}", *builds}
    plain, variant = {f"build/{series}/beta"}, {f"build/{series}/beta+plain"}
    steps[f"test/{series}/beta.race-control+plain"] = {base, *(builds - plain | variant)}
    return steps


def test_the_whole_graph_of_a_small_recipe(recipe: Recipe) -> None:
    xenial = of_series("xenial", "alpha beta gamma", "alpha.smoke beta.race")
    every = xenial | of_series("yakkety", "alpha beta", "alpha.smoke beta.race")
    every |= of_series("zesty", "beta", "beta.race")
    again = {"build/xenial/alpha", *xenial["build/xenial/alpha"]}
    assert {name: set(names(step.needs)) for name, step in made(recipe).items()} == {
        **{f"fetch/{name}": set() for name in ("alpha", "beta", "gamma")},
        "dependencies": {name for name in every if name.startswith("source/")},
        "base/xenial": {"dependencies"},
        "base/yakkety": {"dependencies", "base/xenial"},
        "base/zesty": {"dependencies", "base/yakkety"},
        "check/xenial/alpha.reproducible": again,
        **every,
    }


CONTROLS = "test/*/beta.race-control+plain"


@pytest.mark.parametrize(
    ("file", "patterns"),
    [
        # A variant without the recipe's patches does not read them.
        ("patches/beta/two.patch", ("source/*/beta",)),
        ("patches/beta/a-draft.patch~", ()),
        ("patches/alpha/series", ("source/*/alpha",)),
        ("patches/alpha/series.1.0", ("source/*/alpha",)),
        ("patches/alpha/series.9.9", ()),
        ("patches/alpha/overlay/note", ("source/*/alpha", "check/*/alpha", "check/*/alpha.source")),
        ("patches/beta/debian/rules", ("source/*/beta", "source/*/beta+plain")),
        ("patches/gamma/debian/control", ("source/xenial/gamma", "dependencies")),
        ("autopkgtest/gamma/smoke", ("source/xenial/gamma",)),
        ("autopkgtest/gamma/control", ("source/xenial/gamma", "dependencies")),
        ("autopkgtest/gamma/__pycache__/smoke.pyc", ()),
        ("autopkgtest/lib/lineage.py", ("source/*", CONTROLS)),
        ("autopkgtest/matrix/race-control", (CONTROLS,)),
        ("autopkgtest/matrix/control", (CONTROLS, "dependencies")),
    ],
)
def test_a_changed_file_changes_the_steps_that_read_it(
    recipe: Recipe, file: str, patterns: tuple[str, ...]
) -> None:
    before = made(recipe)
    path = recipe.root / file
    path.parent.mkdir(exist_ok=True)
    text = path.read_text() if path.is_file() else ""
    path.write_text(f"{text}# more\n" if text else "two.patch\n")
    read = {name for name in before if any(fnmatch(name, pattern) for pattern in patterns)}
    assert changed(before, made(recipe)) == read


def test_the_mode_of_a_file_in_our_packaging_is_read(recipe: Recipe) -> None:
    rules = recipe.root / "patches" / "gamma" / "debian" / "rules"
    rules.write_text("%:\n\tdh $@\n")
    before = made(recipe)
    rules.chmod(0o755)
    assert changed(before, made(recipe)) == {"source/xenial/gamma"}


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        (
            {"upstream": Upstream("alpha.tar.gz", "f" * 64, url="https://example.org/")},
            {"fetch/alpha"},
        ),
        ({"changes": (ChangelogItem("Other."),)}, {"source/xenial/alpha", "source/yakkety/alpha"}),
        (
            {"changes": (ChangelogItem("Update alpha."), ChangelogItem("There.", ("xenial",)))},
            {"source/xenial/alpha"},
        ),
    ],
)
def test_a_changed_value_of_a_source_changes_the_steps_that_read_it(
    recipe: Recipe, values: dict[str, Any], steps: set[str]
) -> None:
    alpha, *others = recipe.sources
    after = replace(recipe, sources=(replace(alpha, **values), *others))
    assert changed(made(recipe), made(after)) == steps
    assert made(recipe) == made(recipe)


def test_another_base_or_what_it_depends_on_changes_its_steps_only(recipe: Recipe) -> None:
    bases = {f"base/{series}" for series in recipes.UBUNTU}
    assert changed(made(recipe), made(recipe, base="ubuntu")) == bases
    after = by_name(plan.make(recipe, ALL, "stand-in", {"yakkety": {"modules": "other"}}))
    assert changed(made(recipe), after) == {"base/yakkety"}


@pytest.mark.parametrize(
    ("until", "kinds"),
    [
        ("fetch", {"fetch"}),
        ("source", {"fetch", "source"}),
        ("build", {"fetch", "source", "dependencies", "base", "build", "check"}),
        ("check", {"fetch", "source", "dependencies", "base", "build", "check"}),
        ("test", set(KINDS)),
    ],
)
def test_until_ends_with_that_kind_and_all_that_it_needs(
    recipe: Recipe, until: str, kinds: set[str]
) -> None:
    steps = made(recipe, Selection(until=until))
    assert {step.id.kind for step in steps.values()} == kinds
    assert of_kind(steps, until) == of_kind(made(recipe), until)


def test_a_build_has_what_its_needs_need_though_its_series_has_one_of_them(tmp_path: Path) -> None:
    chain = (
        SourceSpec("alpha"),
        SourceSpec("beta", series=("xenial",), needs=("alpha",)),
        SourceSpec("gamma", needs=("beta",)),
    )
    steps = made(recipes.load(tmp_path, Spec(chain)))
    for series, built in (("xenial", ["alpha", "beta"]), ("yakkety", ["alpha"])):
        needs = [
            need.source for need in steps[f"build/{series}/gamma"].needs if need.kind == "build"
        ]
        assert needs == built


@pytest.mark.parametrize(
    ("selection", "builds", "tests"),
    [
        # A test brings its control, and a control its variant.
        (Selection(tests=("race",)), "beta beta+plain", "race race-control+plain"),
        (Selection(tests=("campaign",), long=True), "beta", "campaign"),
        (Selection(tests=("campaign",)), "beta", ""),
        (Selection(sources=("alpha",)), "", ""),
        (Selection(long=True), "beta beta+plain", "race race-control+plain campaign"),
    ],
)
def test_what_is_asked_for_is_made_with_what_it_needs_and_no_more(
    recipe: Recipe, selection: Selection, builds: str, tests: str
) -> None:
    steps = made(recipe, replace(selection, series=("zesty",)))
    assert of_kind(steps, "build") == [f"build/zesty/{name}" for name in builds.split()]
    assert of_kind(steps, "test") == [f"test/zesty/beta.{name}" for name in tests.split()]
