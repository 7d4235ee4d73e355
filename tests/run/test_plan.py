from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport.engine.step import KINDS, Step, StepId
from backport.engine.store import step_key
from backport.recipe.model import Change, Recipe
from backport.run import plan
from backport.run.plan import Selection
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.steps import by_name, names
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
        {
            "name": "race",
            "source": "beta",
            "control": {"test": "race-control", "variant": "plain"},
        },
        {"name": "campaign", "source": "beta", "run": "long"},
    ),
)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return recipes.load(tmp_path, SPEC)


def of_kind(steps: dict[str, Step], kind: str) -> list[str]:
    return [name for name, step in steps.items() if step.id.kind == kind]


def changed(before: dict[str, Step], after: dict[str, Step]) -> set[str]:
    """The steps whose own inputs differ between two plans of the same steps."""
    assert list(before) == list(after)
    return {name for name in before if step_key(before[name], {}) != step_key(after[name], {})}


# ------------------------------------------------------------------ the graph


def test_the_whole_graph_of_a_small_recipe(recipe: Recipe) -> None:
    assert {name: set(names(step.needs)) for name, step in made(recipe).items()} == {
        "fetch/alpha": set(),
        "fetch/beta": set(),
        "fetch/gamma": set(),
        "source/xenial/alpha": {"fetch/alpha"},
        "source/xenial/beta": {"fetch/beta"},
        "source/xenial/beta+plain": {"fetch/beta"},
        "source/xenial/gamma": {"fetch/gamma"},
        "source/yakkety/alpha": {"fetch/alpha"},
        "source/yakkety/beta": {"fetch/beta"},
        "source/yakkety/beta+plain": {"fetch/beta"},
        "source/zesty/beta": {"fetch/beta"},
        "source/zesty/beta+plain": {"fetch/beta"},
        "dependencies": {
            *(f"source/xenial/{name}" for name in ("alpha", "beta", "beta+plain", "gamma")),
            *(f"source/yakkety/{name}" for name in ("alpha", "beta", "beta+plain")),
            *(f"source/zesty/{name}" for name in ("beta", "beta+plain")),
        },
        "base/xenial": {"dependencies"},
        "base/yakkety": {"dependencies", "base/xenial"},
        "base/zesty": {"dependencies", "base/yakkety"},
        **_builds_of("xenial", ("alpha", "beta", "gamma")),
        **_builds_of("yakkety", ("alpha", "beta")),
        **_builds_of("zesty", ("beta",)),
        **_checks_of("xenial", ("alpha", "beta", "gamma")),
        **_checks_of("yakkety", ("alpha", "beta")),
        **_checks_of("zesty", ("beta",)),
        "check/xenial/alpha.reproducible": {
            *_builds_of("xenial", ("alpha",))["build/xenial/alpha"],
            "build/xenial/alpha",
        },
        **_life_of("xenial", ("alpha", "beta", "gamma")),
        **_life_of("yakkety", ("alpha", "beta")),
        **_life_of("zesty", ("beta",)),
        **_tests_of("xenial", ("alpha", "beta", "gamma"), ("smoke", "race")),
        **_tests_of("yakkety", ("alpha", "beta"), ("smoke", "race")),
        **_tests_of("zesty", ("beta",), ("race",)),
    }


def _builds_of(series: str, built: tuple[str, ...]) -> dict[str, set[str]]:
    """The builds of a series: each waits for the check of its source package."""
    needs = {"beta": {f"build/{series}/alpha"} if "alpha" in built else set()}
    return {
        f"build/{series}/{name}{mark}": {
            f"source/{series}/{name}{mark}",
            f"check/{series}/{name}.source",
            f"base/{series}",
            *needs.get(name, ()),
        }
        for name in built
        for mark in (("", "+plain") if name == "beta" else ("",))
    }


def _checks_of(series: str, built: tuple[str, ...]) -> dict[str, set[str]]:
    """The checks of each source package, and of what was built of it and of its needs."""
    builds = _builds_of(series, built)
    checks = {
        f"check/{series}/{name}": {
            f"fetch/{name}",
            f"build/{series}/{name}",
            *builds[f"build/{series}/{name}"],
        }
        for name in built
    }
    return checks | {
        f"check/{series}/{name}.source": {f"fetch/{name}", f"source/{series}/{name}"}
        for name in built
    }


def _life_of(series: str, built: tuple[str, ...]) -> dict[str, set[str]]:
    """The check that installs, upgrades, removes and purges what is built in a series."""
    builds = {f"build/{series}/{name}" for name in built}
    return {f"check/{series}/lifecycle": {f"base/{series}", *builds}}


def _tests_of(series: str, built: tuple[str, ...], tests: tuple[str, ...]) -> dict[str, set[str]]:
    """The test steps of a series, each against all packages that were built there."""
    builds = {f"build/{series}/{name}" for name in built}
    found = {}
    for test in tests:
        source = "alpha" if test == "smoke" else "beta"
        needs = {f"base/{series}", f"source/{series}/{source}"} | builds
        found[f"test/{series}/{source}.{test}"] = needs
    without = builds - {f"build/{series}/beta"}
    control = {f"base/{series}", f"build/{series}/beta+plain"} | without
    return found | {f"test/{series}/beta.race-control+plain": control}


@st.composite
def specs(draw: st.DrawFn) -> tuple[Spec, Selection]:
    """A recipe of up to four sources in three series, and a selection in it."""
    names = NAMES[: draw(st.integers(1, 4))]
    series = tuple(recipes.UBUNTU)

    def some(of: tuple[str, ...], least: int = 0) -> tuple[str, ...]:
        found = draw(st.sets(st.sampled_from(of), min_size=least)) if of else set()
        return tuple(one for one in of if one in found)

    sources = tuple(
        SourceSpec(
            name,
            series=some(series, 1),
            needs=some(names[:index]),
            quilt=draw(st.sampled_from([{}, PATCHES, {"series.xenial": ("one.patch",)}])),
        )
        for index, name in enumerate(names)
    )
    variants = {"plain": some(names, 1), "other": some(names, 1)}
    rows = []
    for number in range(draw(st.integers(0, 3))):
        row: dict[str, object] = {
            "name": f"test{number}",
            "source": draw(st.sampled_from(names)),
            "run": draw(st.sampled_from(["every", "long"])),
        }
        if draw(st.booleans()):
            chosen = draw(st.sets(st.sampled_from(["", *sorted(variants)]), min_size=1))
            row["control"] = [
                {"test": f"control{number}", "variant": variant} for variant in sorted(chosen)
            ]
        rows.append(row)
    selection = Selection(
        series=some(series),
        sources=some(names),
        tests=some(tuple(f"test{number}" for number in range(len(rows)))),
        until=draw(st.sampled_from(KINDS)),
        long=draw(st.booleans()),
    )
    spec = Spec(sources, series, variants=variants, matrix=tuple(rows))
    return spec, selection


@settings(max_examples=60)
@given(specs())
def test_every_graph_is_closed_and_without_a_cycle(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Spec, Selection]
) -> None:
    spec, selection = drawn
    steps = plan.make(recipes.load(tmp_path_factory.mktemp("recipe"), spec), selection, "")
    assert {need for step in steps.values() for need in step.needs} <= set(steps)
    seen: set[StepId] = set()
    last = "check" if selection.until == "build" else selection.until
    for step_id, step in steps.items():
        assert step_id == step.id
        assert seen.issuperset(step.needs), f"{step_id} stands before what it needs"
        assert KINDS.index(step_id.kind) <= KINDS.index(last)
        seen.add(step_id)


# ------------------------------------------------------------------ what a step reads


def test_one_patch_changes_the_source_steps_of_its_source_and_no_variant_without_it(
    recipe: Recipe,
) -> None:
    before = made(recipe)
    patch = recipe.root / "patches" / "beta" / "two.patch"
    patch.write_text(patch.read_text() + "\n")
    assert changed(before, made(recipe)) == {
        "source/xenial/beta",
        "source/yakkety/beta",
        "source/zesty/beta",
    }


@settings(max_examples=25)
@given(drawn=specs(), data=st.data())
def test_one_patch_changes_exactly_the_source_steps_that_apply_it(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Spec, Selection], data: st.DataObject
) -> None:
    spec = drawn[0]
    recipe = recipes.load(tmp_path_factory.mktemp("recipe"), spec)
    files = sorted(recipe.root.glob("patches/*/*.patch"))
    if not files:
        return
    patch = data.draw(st.sampled_from(files))
    before = made(recipe)
    patch.write_text(patch.read_text() + "\n")
    source = next(one for one in spec.sources if one.name == patch.parent.name)
    expected = set()
    for step in before.values():
        lists = source.quilt.get(f"series.{step.id.series}", source.quilt.get("series", ()))
        bare = source.name in spec.variants.get(step.id.variant, ())
        if (step.id.kind, step.id.source) == ("source", source.name) and not bare:
            expected |= {str(step.id)} if patch.name in lists else set()
    assert changed(before, made(recipe)) == expected


def test_a_patch_that_no_quilt_series_lists_changes_nothing(recipe: Recipe) -> None:
    before = made(recipe)
    (recipe.root / "patches" / "beta" / "unused.patch").write_text("a draft\n")
    assert changed(before, made(recipe)) == set()


def test_the_order_of_the_patches_is_read(recipe: Recipe) -> None:
    before = made(recipe)
    (recipe.root / "patches" / "alpha" / "series").write_text("two.patch\none.patch\n")
    assert changed(before, made(recipe)) == {"source/xenial/alpha", "source/yakkety/alpha"}


def test_our_packaging_changes_the_variants_too(recipe: Recipe) -> None:
    before = made(recipe)
    (recipe.root / "patches" / "beta" / "debian" / "rules").write_text("%:\n\tdh $@\n")
    assert changed(before, made(recipe)) == {
        f"source/{series}/beta{mark}"
        for series, mark in itertools.product(recipes.UBUNTU, ("", "+plain"))
    }


def test_the_mode_of_a_file_in_our_packaging_is_read(recipe: Recipe) -> None:
    rules = recipe.root / "patches" / "gamma" / "debian" / "rules"
    rules.write_text("%:\n\tdh $@\n")
    before = made(recipe)
    rules.chmod(0o755)
    assert changed(before, made(recipe)) == {"source/xenial/gamma"}


def test_a_shipped_test_changes_the_source_package_that_ships_it(recipe: Recipe) -> None:
    before = made(recipe)
    (recipe.root / "autopkgtest" / "gamma" / "smoke").write_text("#!/bin/sh\ntrue\n")
    assert changed(before, made(recipe)) == {"source/xenial/gamma"}


def test_the_tests_library_changes_every_source_package_and_the_controls(recipe: Recipe) -> None:
    before = made(recipe)
    (recipe.root / "autopkgtest" / "lib").mkdir()
    (recipe.root / "autopkgtest" / "lib" / "lineage.py").write_text("\n")
    assert changed(before, made(recipe)) == {
        name
        for name, step in before.items()
        if step.id.kind == "source" or (step.id.kind == "test" and step.id.variant)
    }


def test_a_test_of_the_matrix_changes_the_controls(recipe: Recipe) -> None:
    before = made(recipe)
    (recipe.root / "autopkgtest" / "matrix").mkdir(exist_ok=True)
    (recipe.root / "autopkgtest" / "matrix" / "race-control").write_text("#!/bin/sh\ntrue\n")
    assert changed(before, made(recipe)) == {
        f"test/{series}/beta.race-control+plain" for series in recipes.UBUNTU
    }


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("autopkgtest/matrix/control", set()),
        ("autopkgtest/gamma/control", {"source/xenial/gamma"}),
        ("patches/gamma/debian/control", {"source/xenial/gamma"}),
    ],
)
def test_a_control_file_that_says_what_is_installed_changes_what_the_base_holds(
    recipe: Recipe, file: str, own: set[str]
) -> None:
    path = recipe.root / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    before = made(recipe)
    path.write_text(path.read_text() + "Depends: another\n")
    controls = {f"test/{series}/beta.race-control+plain" for series in recipes.UBUNTU}
    expected = {"dependencies", *own, *(controls if "matrix" in file else ())}
    assert changed(before, made(recipe)) == expected


def test_what_the_base_holds_is_asked_of_all_sources_though_few_are_chosen(
    recipe: Recipe,
) -> None:
    selection = Selection(series=("yakkety",), sources=("alpha",))
    before = made(recipe, selection)
    control = recipe.root / "autopkgtest" / "gamma" / "control"
    control.write_text(control.read_text() + "Restrictions: isolation-container\n")
    assert changed(before, made(recipe, selection)) == {"dependencies"}


def test_what_a_base_depends_on_changes_the_base_of_that_series_only(recipe: Recipe) -> None:
    after = by_name(plan.make(recipe, ALL, "stand-in", {"yakkety": {"modules": "other"}}))
    assert changed(made(recipe), after) == {"base/yakkety"}


def test_where_a_version_of_the_archive_was_seen_changes_nothing(tmp_path: Path) -> None:
    recipe = recipes.load(tmp_path, replace(SPEC, archive={("alpha", "xenial"): "0.9-1"}))
    xenial, *others = recipe.series
    seen = replace(xenial.archive["alpha"], confirmed="elsewhere", note="another")
    after = made(replace(recipe, series=(replace(xenial, archive={"alpha": seen}), *others)))
    assert changed(made(recipe), after) == set()
    newer = replace(seen, version="0.9-2")
    after = made(replace(recipe, series=(replace(xenial, archive={"alpha": newer}), *others)))
    checks = {f"check/xenial/{name}.source" for name in ("alpha", "beta", "gamma")}
    checks.add("check/xenial/lifecycle")
    assert changed(made(recipe), after) == {"source/xenial/alpha", *checks}


def test_a_quilt_series_of_the_upstream_version_is_read_in_place_of_the_common_one(
    recipe: Recipe,
) -> None:
    before = made(recipe)
    folder = recipe.root / "patches" / "alpha"
    (folder / "series.1.0").write_text("two.patch\n")
    both = {"source/xenial/alpha", "source/yakkety/alpha"}
    assert changed(before, made(recipe)) == both
    before = made(recipe)
    (folder / "one.patch").write_text("no longer listed\n")
    (folder / "series.9.9").write_text("one.patch\n")
    assert changed(before, made(recipe)) == set()
    (folder / "two.patch").write_text("listed\n")
    assert changed(before, made(recipe)) == both


def test_compiled_files_are_not_read(recipe: Recipe) -> None:
    before = made(recipe)
    cache = recipe.root / "autopkgtest" / "gamma" / "__pycache__"
    cache.mkdir()
    (cache / "smoke.pyc").write_bytes(b"\0")
    assert changed(before, made(recipe)) == set()


def test_another_pin_changes_the_fetch_of_that_source_only(recipe: Recipe) -> None:
    alpha, *others = recipe.sources
    assert alpha.upstream is not None
    other = replace(alpha, upstream=replace(alpha.upstream, sha256="f" * 64))
    after = made(replace(recipe, sources=(other, *others)))
    assert changed(made(recipe), after) == {"fetch/alpha"}


def test_a_local_folder_is_fetched_again_when_a_file_in_it_changes(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "setup.py").write_text("one\n")
    content = recipes.data(Spec())
    content["source"]["alpha"]["upstream"] = {"path": "checkout"}
    recipe = recipes.load_data(tmp_path, Spec(), content)
    before = made(recipe)
    (tmp_path / "checkout" / "setup.py").write_text("two\n")
    assert changed(before, made(recipe)) == {"fetch/alpha"}


def test_another_base_changes_the_base_steps_only(recipe: Recipe) -> None:
    assert changed(made(recipe), made(recipe, base="ubuntu")) == {
        f"base/{series}" for series in recipes.UBUNTU
    }


def test_another_changelog_item_changes_every_source_package_of_that_source(
    recipe: Recipe,
) -> None:
    alpha, *others = recipe.sources
    after = made(replace(recipe, sources=(replace(alpha, changes=(Change("Other."),)), *others)))
    assert changed(made(recipe), after) == {"source/xenial/alpha", "source/yakkety/alpha"}


def test_another_item_for_one_series_changes_the_source_package_there_alone(
    recipe: Recipe,
) -> None:
    alpha, *others = recipe.sources
    items = (*alpha.changes, Change("There.", ("xenial",)))
    after = made(replace(recipe, sources=(replace(alpha, changes=items), *others)))
    assert changed(made(recipe), after) == {"source/xenial/alpha"}


def test_two_plans_of_one_recipe_are_the_same(recipe: Recipe) -> None:
    assert made(recipe) == made(recipe)


# ------------------------------------------------------------------ what is asked for


@pytest.mark.parametrize(
    ("until", "kinds"),
    [
        ("fetch", {"fetch"}),
        ("source", {"fetch", "source"}),
        ("dependencies", {"fetch", "source", "dependencies"}),
        ("base", {"fetch", "source", "dependencies", "base"}),
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


def test_one_series_leaves_the_others_out(recipe: Recipe) -> None:
    steps = made(recipe, Selection(series=("yakkety",)))
    assert {step.id.series for step in steps.values()} == {"", "yakkety"}
    assert names(steps["base/yakkety"].needs) == ("dependencies",)


def test_a_build_has_what_its_needs_need_though_its_series_has_one_of_them(tmp_path: Path) -> None:
    chain = (
        SourceSpec("alpha"),
        SourceSpec("beta", series=("xenial",), needs=("alpha",)),
        SourceSpec("gamma", needs=("beta",)),
    )
    steps = made(recipes.load(tmp_path, Spec(chain)))
    for series, built in (("xenial", ["alpha", "beta"]), ("yakkety", ["alpha"])):
        needs = [one.source for one in steps[f"build/{series}/gamma"].needs if one.kind == "build"]
        assert needs == built


def test_one_source_brings_what_it_needs_and_its_own_tests(recipe: Recipe) -> None:
    steps = made(recipe, Selection(sources=("beta",), series=("xenial",)))
    assert of_kind(steps, "build") == [
        "build/xenial/alpha",
        "build/xenial/beta",
        "build/xenial/beta+plain",
    ]
    assert of_kind(steps, "test") == [
        "test/xenial/beta.race",
        "test/xenial/beta.race-control+plain",
    ]


def test_one_test_brings_its_control(recipe: Recipe) -> None:
    steps = made(recipe, Selection(tests=("race",), series=("zesty",)))
    assert of_kind(steps, "test") == [
        "test/zesty/beta.race",
        "test/zesty/beta.race-control+plain",
    ]


def test_long_runs_every_test_in_every_series(recipe: Recipe) -> None:
    steps = made(recipe, Selection(long=True))
    assert [name for name in of_kind(steps, "test") if name.startswith("test/zesty")] == [
        "test/zesty/beta.race",
        "test/zesty/beta.race-control+plain",
        "test/zesty/beta.campaign",
    ]


def test_without_a_control_in_the_run_no_variant_is_built(recipe: Recipe) -> None:
    steps = made(recipe, Selection(tests=("smoke",)))
    assert not [name for name in steps if "+" in name]
