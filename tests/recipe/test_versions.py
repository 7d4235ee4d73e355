from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from debian.debian_support import Version
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backport.errors import RecipeError
from backport.recipe import versions
from backport.recipe.model import Published, Recipe, Series, Source, Variant
from backport.recipe.versions import ArchiveVersions
from tests.recipe.test_version_strings import START
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec, recipe_versions

SERIES = tuple(Series(name, version) for name, version in recipes.UBUNTU.items())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipe")


def ascends(*order: str) -> bool:
    return all(Version(low) < Version(high) for low, high in itertools.pairwise(order))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, Source]:
    """A source without patches and one with, both with a pinned package and our own packaging."""
    plain = SourceSpec("plain", pinned="1.0-1", series=tuple(recipes.UBUNTU))
    patched = replace(plain, name="patched", quilt={"series": ("one.patch",)})
    spec = Spec(sources=(plain, patched), series=tuple(recipes.UBUNTU))
    recipe = recipes.load(tmp_path_factory.mktemp("pair"), spec)
    return recipe.source("plain"), recipe.source("patched")


def on(start: str, source: Source) -> Source:
    """That source with another pinned version."""
    assert source.pinned is not None
    pin = replace(source.pinned, version=start)
    return replace(source, pinned=pin, debian_version=start)


@given(START)
def test_a_pin_changes_only_what_is_built_and_a_variant_sorts_below_it(
    pair: tuple[Source, Source], start: str
) -> None:
    for source, series in itertools.product(pair, SERIES):
        pinned = on(start, source)
        published = versions.published_version(pinned, series)
        assert versions.built_version(pinned, series) == published
        unpinned = replace(pinned, pinned=None)
        assert versions.published_version(unpinned, series) == published
        for one in (pinned, unpinned):
            own, _ = versions.built_version(one, series)
            variant = versions.built_version(one, series, "bare")
            assert variant == (f"{own}~bare1", "variant bare")
            assert ascends(variant[0], own)


@given(st.from_regex(r"[0-9][a-z0-9.+~]{0,6}", fullmatch=True))
def test_our_own_packaging_sorts_below_every_real_version(
    pair: tuple[Source, Source], upstream: str
) -> None:
    for source in pair:
        own = replace(source, pinned=None, version=upstream, debian_version=f"2:{upstream}-1")
        for series in SERIES:
            version, rule = versions.built_version(own, series)
            real = f"2:{upstream}-0ubuntu0.{series.version}.1"
            assert version == f"{real}~standin1"
            assert "testing only" in rule
            assert ascends(version, real, versions.published_version(own, series)[0])
        assert ascends(*(versions.built_version(own, series)[0] for series in SERIES))


ON_PINNED = SourceSpec("alpha", pinned="1.0-1")
EDIT = {"paragraph": "source", "field": "Build-Depends", "reason": "r", "add": ["x"]}


@pytest.mark.parametrize(
    ("spec", "file", "form"),
    [
        (replace(ON_PINNED, quilt={"series.xenial": ("one.patch",)}), "", "ubuntu0."),
        (ON_PINNED, "control.binary", "~ubuntu"),
        (ON_PINNED, "alpha.cron.d", "ubuntu0."),
        (replace(ON_PINNED, more={"control": [EDIT]}), "", "~ubuntu"),
    ],
)
def test_a_patch_or_a_file_is_a_delta_in_its_series_and_a_package_or_an_edit_is_none(
    tmp_path: Path, spec: SourceSpec, file: str, form: str
) -> None:
    source = recipes.load(tmp_path, Spec(sources=(spec,))).source("alpha")
    if file:
        overlay = source.patches / "overlay.xenial"
        overlay.mkdir(parents=True)
        (overlay / file).write_text("Package: alpha-old\n")
    assert [versions.published_version(source, series)[0] for series in SERIES[:2]] == [
        f"1.0-1{form}16.04.1",
        "1.0-1~ubuntu16.10.1",
    ]


ARCHIVE = {
    ("alpha", "xenial"): "0.9-1",
    ("alpha", "yakkety"): "0.9-2",
    ("alpha", "zesty"): "1.0-1",
    ("old", "xenial"): "0.5-1",
}


def update(folder: Path, *, uploaded: tuple[str, ...] = ("xenial", "yakkety")) -> Recipe:
    """An update of alpha and, on top of it, beta; both sort upward everywhere."""
    spec = Spec(
        sources=(
            SourceSpec("alpha", pinned="1.0-1", series=uploaded, more={"next-version": "1.1-1"}),
            SourceSpec(
                "beta",
                series=tuple(recipes.UBUNTU),
                needs=("alpha",),
                quilt={"series": ("one.patch",)},
                more={"needs-upstream": {"alpha": ["1.0"]}, "next-version": "1.1-1"},
            ),
        ),
        series=tuple(recipes.UBUNTU),
        archive=ARCHIVE | {("beta", name): "" for name in recipes.UBUNTU},
        retired={"old": {"series": ["xenial"], "by": ["alpha"], "reason": "renamed"}},
    )
    return recipes.load(folder, spec)


def test_the_table_has_a_row_for_every_source_in_every_series(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    rows = versions.table(recipe, recipe_versions(recipe))
    assert [(row.source, row.series) for row in rows] == [
        *itertools.product(("alpha", "beta"), recipes.UBUNTU)
    ]
    assert [(row.ours, row.built, row.result) for row in rows] == [
        *(("1.0-1~ubuntu16.04.1",) * 3, ("1.0-1~ubuntu16.10.1",) * 3, ("", "", "1.0-1")),
        *(
            (f"1.0-1{end}", f"1.0-0{end}~standin1", f"1.0-1{end}")
            for end in (f"ubuntu0.{series.version}.1" for series in SERIES)
        ),
    ]
    assert rows[2].rule == "the series has what is needed; nothing is uploaded"
    assert rows[0].archive == Published("0.9-1", "the specification")


def broken(recipe: Recipe, archive: ArchiveVersions) -> set[str]:
    return {one.what for one in versions.proof(recipe, archive) if not one.holds}


def test_the_proof_names_every_relation(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    relations = versions.proof(recipe, recipe_versions(recipe))
    assert all(relation.holds and relation.confirmed for relation in relations)
    assert {relation.what for relation in relations} == {
        "old < alpha in xenial",
        *(f"alpha in {name}: archive < ours" for name in ("xenial", "yakkety")),
        *(f"alpha in {name} < next in Debian" for name in ("xenial", "yakkety")),
        *(f"beta in {name} < next in Debian" for name in recipes.UBUNTU),
        *(
            f"{source}: {earlier} < {later}"
            for source in ("alpha", "beta")
            for earlier, later in itertools.combinations(recipes.UBUNTU, 2)
        ),
    }
    unconfirmed = versions.proof(
        recipe, recipe_versions(recipe) | {("alpha", "zesty"): Published("1.0-1")}
    )
    assert {one.what for one in unconfirmed if not one.confirmed} == {
        "alpha: xenial < zesty",
        "alpha: yakkety < zesty",
    }
    lower = tuple(replace(one, next_version="1.0-1") for one in recipe.sources)
    assert broken(replace(recipe, sources=lower), {}) == {
        f"beta in {name} < next in Debian" for name in recipes.UBUNTU
    }


@pytest.mark.parametrize(
    ("uploaded", "seen", "expected"),
    [
        ("xenial yakkety", {"alpha xenial": "1.0-1"}, {"alpha in xenial: archive < ours"}),
        (
            "xenial yakkety",
            {"alpha zesty": "0.9-3"},
            {"alpha: xenial < zesty", "alpha: yakkety < zesty"},
        ),
        ("xenial yakkety", {"old xenial": "1:0.1-1"}, {"old < alpha in xenial"}),
        # A series without an upload may not stand above a later one.
        (
            "xenial zesty",
            {"alpha zesty": "0.9-9", "alpha yakkety": "1.0-1"},
            {"alpha: yakkety < zesty"},
        ),
    ],
)
def test_a_version_out_of_order_is_named(
    tmp_path: Path, uploaded: str, seen: dict[str, str], expected: set[str]
) -> None:
    recipe = update(tmp_path, uploaded=tuple(uploaded.split()))
    there = {
        (place.split()[0], place.split()[1]): Published(version, "seen")
        for place, version in seen.items()
    }
    assert broken(recipe, recipe_versions(recipe) | there) == expected


@pytest.mark.parametrize(
    ("has", "ours"),
    [
        (Published("1.0-1~ubuntu16.04.1", "seen"), "1.0-1~ubuntu16.04.2"),
        (Published("0.9-1", "seen", seen=("1.0-1~ubuntu16.04.6", "0.9-1")), "1.0-1~ubuntu16.04.7"),
        (Published("1.0-1~ubuntu16.04.1", "seen", ours=True), "1.0-1~ubuntu16.04.1"),
    ],
)
def test_our_version_counts_on_from_all_that_was_seen_but_our_own_upload(
    tmp_path: Path, has: Published, ours: str
) -> None:
    recipe = update(tmp_path)
    archive = recipe_versions(recipe) | {("alpha", "xenial"): has}
    assert broken(recipe, archive) == set()
    row, *others = versions.table(recipe, archive)
    assert (row.ours, row.published) == (ours, has.ours)
    assert not any(other.published for other in others)
    said = [(one.lower, one.what) for one in versions.proof(recipe, archive) if one.published]
    assert said == ([(ours, "alpha in xenial: already published")] if has.ours else [])


def test_a_chosen_version_stands_whatever_the_archive_has_later(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    archive = recipe_versions(recipe) | {
        ("alpha", "xenial"): Published("1.0-1~ubuntu16.04.1", "seen")
    }
    chosen = versions.with_chosen(recipe, archive)
    later = recipe_versions(recipe) | {
        ("alpha", "xenial"): Published("1.0-1~ubuntu16.04.2", "seen")
    }
    for there in (later, {}):
        assert versions.table(chosen, there)[0].ours == "1.0-1~ubuntu16.04.2"
    made = {f"{row.series}/{row.source}": row.built for row in versions.table(chosen, archive)}
    again = versions.as_made(recipe, made)
    assert [row.built for row in versions.table(again, {})] == list(made.values())
    # What is for testing only is no choice for the archive.
    assert again.source("beta").chosen == {}


def test_a_revision_of_the_recipe_is_the_last_number_and_says_why(tmp_path: Path) -> None:
    revision = {"xenial": {"number": 4, "reason": "3 was withdrawn"}}
    spec = SourceSpec("alpha", pinned="1.0-1", more={"revision": revision})
    source = recipes.load(tmp_path, Spec(sources=(spec,))).source("alpha")
    version, rule = versions.published_version(source, SERIES[0])
    assert (version, rule.endswith("3 was withdrawn")) == ("1.0-1~ubuntu16.04.4", True)
    assert versions.published_version(source, SERIES[1])[0] == "1.0-1~ubuntu16.10.1"


def goes_down(recipe: Recipe, archive: ArchiveVersions) -> bool:
    """Whether a user's machine would not install ours, or keep the old one at a release upgrade."""

    def has(source: str, series: str, *, updated: bool) -> str:
        has = archive.get((source, series))
        if updated and series in recipe.source(source).series:
            of = recipe.source(source), recipe.one_series(series)
            return versions.published_version(*of, has)[0]
        return has.version if has else ""

    def steps() -> Iterator[tuple[str, str]]:
        names = [series.name for series in recipe.series]
        for source in recipe.sources:
            for name in source.series:
                before, after = (has(source.name, name, updated=one) for one in (False, True))
                if before != after:  # else ours is published already
                    yield before, after
            for pair in itertools.combinations(names, 2):
                if {*pair} & {*source.series}:
                    earlier, later = (has(source.name, name, updated=True) for name in pair)
                    yield earlier, later

    return any(low and high and Version(low) >= Version(high) for low, high in steps())


@given(
    place=st.sampled_from([("alpha", name) for name in recipes.UBUNTU]),
    raised=START
    | st.sampled_from(["1.0-1~ubuntu16.04.1", "1.0-1~ubuntu16.10.2", "1.0-1", "1.0-2", "1.1-1"]),
    uploaded=st.sampled_from(
        [names for size in (1, 2, 3) for names in itertools.combinations(recipes.UBUNTU, size)]
    ),
)
def test_the_proof_finds_every_path_that_goes_down_when_one_archive_version_is_raised(
    folder: Path, place: tuple[str, str], raised: str, uploaded: tuple[str, ...]
) -> None:
    recipe = update(folder, uploaded=uploaded)
    archive = recipe_versions(recipe)
    assume(Version(raised) >= Version(archive[place].version))
    archive[place] = Published(raised, "seen")
    assert bool(broken(recipe, archive)) == goes_down(recipe, archive)


@pytest.mark.parametrize(
    ("published", "said"),
    [
        (Published("1.0-1", "seen"), None),
        (Published("1.1-1", "seen"), "1.1-1"),
        (Published("", "seen"), "nothing"),
        (None, "nothing"),
    ],
)
def test_a_need_runs_beside_the_upstream_versions_that_it_accepts_alone(
    tmp_path: Path, published: Published | None, said: str | None
) -> None:
    recipe = update(tmp_path)
    archive = recipe_versions(recipe)
    del archive["alpha", "zesty"]
    if published:
        archive["alpha", "zesty"] = published
    assert [str(mismatch) for mismatch in versions.mismatches(recipe, archive)] == (
        [f"beta in zesty runs with alpha 1.0, but the series has {said}"] if said else []
    )


@settings(max_examples=60)
@given(st.from_regex(r"[0-9][0-9:.+~a-z-]{0,5}", fullmatch=True))
def test_a_version_that_a_recipe_may_hold_is_one_for_dpkg(folder: Path, text: str) -> None:
    content = recipes.data(Spec())
    content["source"]["alpha"]["version"] = text
    try:
        recipes.load(folder, Spec(), content)
    except RecipeError:
        return
    command = ["dpkg", "--validate-version", "--", text]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("variant", "end"),
    [(None, "~standin1)"), (Variant("plain", ("alpha", "beta"), ""), "~plain1)")],
)
def test_a_relation_can_ask_for_the_version_that_the_run_makes(
    tmp_path: Path, variant: Variant | None, end: str
) -> None:
    edit = {"paragraph": "beta", "field": "Depends", "reason": "r", "add": ["alpha (>= {alpha})"]}
    beta = SourceSpec("beta", needs=("alpha",), more={"control": [edit]})
    recipe = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha"), beta)))
    for series in recipe.series:
        filled = versions.with_versions(recipe, recipe.source("beta"), series, variant)
        name = variant.name if variant else ""
        made, _ = versions.built_version(recipe.source("alpha"), series, name)
        assert [one.add for one in filled.control] == [(f"alpha (>= {made})",)]
        assert filled.control[0].add[0].endswith(end)
