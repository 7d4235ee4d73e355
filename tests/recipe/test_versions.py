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
from backport.recipe.model import ControlEdit, Published, Recipe, Series, Source, Variant
from backport.recipe.version_strings import upstream_part
from backport.recipe.versions import ArchiveVersions, Relation, Row
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec, recipe_versions

SERIES = tuple(Series(name, version) for name, version in recipes.UBUNTU.items())

_LETTERS = "abzABZ019.+~"
UPSTREAM = st.builds(
    lambda first, rest: first + rest, st.sampled_from("0129"), st.text(_LETTERS, max_size=6)
)
REVISION = st.text(_LETTERS, min_size=1, max_size=5)
EPOCH = st.sampled_from(["", "", "0:", "1:", "12:"])
FULL = st.builds(lambda e, u, r: f"{e}{u}-{r}", EPOCH, UPSTREAM, REVISION)
ANY = FULL | st.builds(lambda e, u: f"{e}{u}", EPOCH, UPSTREAM)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipe")


def dpkg(left: str, relation: str, right: str) -> bool:
    command = ["dpkg", "--compare-versions", left, relation, right]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in (0, 1), done
    assert b"bad syntax" not in done.stderr, done
    return done.returncode == 0


def ascends(*order: str) -> bool:
    return all(Version(low) < Version(high) for low, high in itertools.pairwise(order))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, Source]:
    """A source without patches and one with, both with a pinned base and our own packaging."""
    plain = SourceSpec("plain", base="1.0-1", series=tuple(recipes.UBUNTU))
    patched = replace(plain, name="patched", quilt={"series": ("one.patch",)})
    spec = Spec(sources=(plain, patched), series=tuple(recipes.UBUNTU))
    recipe = recipes.load(tmp_path_factory.mktemp("pair"), spec)
    return recipe.source("plain"), recipe.source("patched")


def on(base: str, source: Source) -> Source:
    """That source on another base."""
    assert source.base is not None
    pin = replace(source.base, version=base)
    return replace(source, base=pin, debian_version=base)


# ------------------------------------------------------------------ the order is dpkg's


@settings(max_examples=60)
@given(ANY, ANY)
def test_the_order_that_the_proof_uses_is_that_of_dpkg(left: str, right: str) -> None:
    ours = (Version(left) > Version(right)) - (Version(left) < Version(right))
    relation = {-1: "lt", 0: "eq", 1: "gt"}[ours]
    assert dpkg(left, relation, right)


@pytest.mark.parametrize(
    "order",
    [
        ("1.0~~", "1.0~~a", "1.0~", "1.0", "1.0a", "1.0+", "1.0.1"),
        ("0.9-1", "0.10-1", "1:0.1-1"),
        (
            "0.4.1-1",
            "0.8.1-2",
            "0.10.2-0ubuntu0.16.04.1",
            "0.10.2-1~ubuntu16.04.1",
            "0.10.2-1",
            "0.10.2-1ubuntu0.16.04.1",
            "0.14.2-1",
        ),
    ],
)
def test_known_orders_hold_here_and_in_dpkg(order: tuple[str, ...]) -> None:
    assert ascends(*order)
    assert all(dpkg(low, "lt", high) for low, high in itertools.pairwise(order))


# ------------------------------------------------------------------ the rule


@given(FULL)
def test_a_base_sorts_between_its_backport_and_its_delta(
    pair: tuple[Source, Source], base: str
) -> None:
    plain, patched = (on(base, source) for source in pair)
    for series in SERIES:
        without, _ = versions.published_version(plain, series)
        delta, _ = versions.published_version(patched, series)
        assert without == f"{base}~ubuntu{series.version}.1"
        assert delta == f"{base}ubuntu0.{series.version}.1"
        assert ascends(without, base, delta)


@given(FULL)
def test_each_form_ascends_with_the_series(pair: tuple[Source, Source], base: str) -> None:
    for source in (on(base, source) for source in pair):
        assert ascends(*(versions.published_version(source, series)[0] for series in SERIES))


@given(FULL)
def test_on_a_pinned_base_what_is_built_is_what_will_be_published(
    pair: tuple[Source, Source], base: str
) -> None:
    for source, series in itertools.product(pair, SERIES):
        one = on(base, source)
        assert versions.built_version(one, series) == versions.published_version(one, series)


@given(FULL)
def test_a_pin_does_not_change_what_will_be_published(
    pair: tuple[Source, Source], base: str
) -> None:
    for source, series in itertools.product(pair, SERIES):
        pinned = on(base, source)
        unpinned = replace(pinned, base=None)
        assert versions.published_version(unpinned, series) == versions.published_version(
            pinned, series
        )


@given(FULL, st.booleans())
def test_a_variant_sorts_below_the_updates_own_version(
    pair: tuple[Source, Source], base: str, pinned: bool
) -> None:
    for source, series in itertools.product(pair, SERIES):
        one = on(base, source) if pinned else replace(source, base=None)
        own, _ = versions.built_version(one, series)
        variant, rule = versions.built_version(one, series, "unpatched")
        assert (variant, rule) == (f"{own}~unpatched1", "variant unpatched")
        assert ascends(variant, own)


@given(UPSTREAM)
def test_our_own_packaging_sorts_below_every_real_version(
    pair: tuple[Source, Source], upstream: str
) -> None:
    for source in pair:
        own = replace(source, base=None, version=upstream, debian_version=f"{upstream}-1")
        for series in SERIES:
            version, rule = versions.built_version(own, series)
            assert version == f"{upstream}-0ubuntu0.{series.version}.1~standin1"
            assert "testing only" in rule
            real = f"{upstream}-0ubuntu0.{series.version}.1"
            assert ascends(version, real, versions.published_version(own, series)[0])
        assert ascends(*(versions.built_version(own, series)[0] for series in SERIES))


def test_a_delta_is_a_patch_of_that_series_only(tmp_path: Path) -> None:
    spec = SourceSpec("alpha", base="1.0-1", quilt={"series.xenial": ("one.patch",)})
    source = recipes.load(tmp_path, Spec(sources=(spec,))).source("alpha")
    assert [versions.published_version(source, series)[0] for series in SERIES[:2]] == [
        "1.0-1ubuntu0.16.04.1",
        "1.0-1~ubuntu16.10.1",
    ]


def test_a_package_in_addition_is_no_delta_and_a_file_is(tmp_path: Path) -> None:
    source = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha", base="1.0-1"),))).sources[0]
    overlay = source.patches / "overlay.xenial"
    overlay.mkdir(parents=True)
    (overlay / "control.binary").write_text("Package: alpha-old\n")
    assert versions.published_version(source, SERIES[0])[0] == "1.0-1~ubuntu16.04.1"
    (overlay / "alpha.cron.d").write_text("")
    assert versions.published_version(source, SERIES[0])[0] == "1.0-1ubuntu0.16.04.1"


def test_an_edit_of_control_is_no_delta(tmp_path: Path) -> None:
    edit = {"paragraph": "source", "field": "Build-Depends", "reason": "r", "add": ["x"]}
    spec = SourceSpec("alpha", base="1.0-1", more={"control": [edit]})
    source = recipes.load(tmp_path, Spec(sources=(spec,))).source("alpha")
    assert versions.published_version(source, SERIES[0])[0] == "1.0-1~ubuntu16.04.1"


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("0.10.2-1", "0.10.2"),
        ("2:1.0~rc1-0ubuntu0.16.04.1~standin1", "1.0~rc1"),
        ("1.0-2-3", "1.0-2"),
        ("1.0", "1.0"),
    ],
)
def test_the_upstream_part_is_between_epoch_and_revision(version: str, upstream: str) -> None:
    assert upstream_part(version) == upstream


# ------------------------------------------------------------------ the table


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
            SourceSpec("alpha", base="1.0-1", series=uploaded, more={"next-version": "1.1-1"}),
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
        retired={
            "old": {
                "series": ["xenial"],
                "outcome": "superseded",
                "by": ["alpha"],
                "reason": "renamed",
            }
        },
    )
    return recipes.load(folder, spec)


def test_the_table_has_a_row_for_every_source_in_every_series(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    rows = versions.table(recipe, recipe_versions(recipe))
    assert [(row.source, row.series, row.ours, row.built, row.result) for row in rows] == [
        ("alpha", "xenial", *["1.0-1~ubuntu16.04.1"] * 3),
        ("alpha", "yakkety", *["1.0-1~ubuntu16.10.1"] * 3),
        ("alpha", "zesty", "", "", "1.0-1"),
        *(
            (
                "beta",
                series.name,
                f"1.0-1ubuntu0.{series.version}.1",
                f"1.0-0ubuntu0.{series.version}.1~standin1",
                f"1.0-1ubuntu0.{series.version}.1",
            )
            for series in SERIES
        ),
    ]
    assert rows[2].rule == "the series has what is needed; nothing is uploaded"
    assert rows[0].archive == Published("0.9-1", "the specification")


def test_what_neither_the_archive_has_nor_we_upload_is_nothing() -> None:
    assert Row("alpha", "xenial", None, "", "").result == ""
    assert Row("alpha", "xenial", Published(""), "", "").result == ""


# ------------------------------------------------------------------ the proof


def broken(recipe: Recipe, archive: ArchiveVersions) -> set[str]:
    return {one.what for one in versions.proof(recipe, archive) if not one.holds}


def test_the_proof_names_every_relation(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    relations = versions.proof(recipe, recipe_versions(recipe))
    assert all(one.holds and one.confirmed for one in relations)
    assert sorted(one.what for one in relations) == [
        "alpha in xenial < next in Debian",
        "alpha in xenial: archive < ours",
        "alpha in yakkety < next in Debian",
        "alpha in yakkety: archive < ours",
        "alpha: xenial < yakkety",
        "alpha: xenial < zesty",
        "alpha: yakkety < zesty",
        "beta in xenial < next in Debian",
        "beta in yakkety < next in Debian",
        "beta in zesty < next in Debian",
        "beta: xenial < yakkety",
        "beta: xenial < zesty",
        "beta: yakkety < zesty",
        "old < alpha in xenial",
    ]


def test_one_unconfirmed_version_leaves_what_rests_on_it_unconfirmed(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    archive = dict(recipe_versions(recipe))
    archive["alpha", "zesty"] = Published("1.0-1")
    relations = versions.proof(recipe, archive)
    assert {one.what for one in relations if not one.confirmed} == {
        "alpha: xenial < zesty",
        "alpha: yakkety < zesty",
    }


@pytest.mark.parametrize(
    ("place", "version", "expected"),
    [
        (("alpha", "xenial"), "1.0-1", {"alpha in xenial: archive < ours"}),
        (("alpha", "zesty"), "0.9-3", {"alpha: xenial < zesty", "alpha: yakkety < zesty"}),
        (("alpha", "zesty"), "1.0-1~ubuntu16.10.0", {"alpha: yakkety < zesty"}),
        (("old", "xenial"), "1:0.1-1", {"old < alpha in xenial"}),
    ],
)
def test_one_version_out_of_order_is_named(
    tmp_path: Path, place: tuple[str, str], version: str, expected: set[str]
) -> None:
    recipe = update(tmp_path)
    archive = dict(recipe_versions(recipe)) | {place: Published(version, "seen")}
    assert broken(recipe, archive) == expected


def test_once_our_upload_is_published_the_proof_holds_and_says_so(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    archive = dict(recipe_versions(recipe))
    archive["alpha", "xenial"] = Published("1.0-1~ubuntu16.04.1", "seen", ours=True)
    assert broken(recipe, archive) == set()
    rows = {(row.source, row.series): row for row in versions.table(recipe, archive)}
    assert rows["alpha", "xenial"].published
    assert [place for place, row in rows.items() if row.published] == [("alpha", "xenial")]
    (one,) = [one for one in versions.proof(recipe, archive) if one.published]
    assert (one.lower, one.higher) == ("1.0-1~ubuntu16.04.1",) * 2
    assert one.what == "alpha in xenial: already published"


def test_another_upload_of_the_version_that_ours_would_have_is_counted_on_from(
    tmp_path: Path,
) -> None:
    recipe = update(tmp_path)
    archive = dict(recipe_versions(recipe))
    archive["alpha", "xenial"] = Published("1.0-1~ubuntu16.04.1", "seen")
    assert broken(recipe, archive) == set()
    (row, *_) = versions.table(recipe, archive)
    assert (row.ours, row.published) == ("1.0-1~ubuntu16.04.2", False)


def test_every_version_that_was_seen_counts_not_only_the_one_that_is_there(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    archive = dict(recipe_versions(recipe))
    archive["alpha", "xenial"] = Published("0.9-1", "seen", seen=("1.0-1~ubuntu16.04.6", "0.9-1"))
    assert versions.table(recipe, archive)[0].ours == "1.0-1~ubuntu16.04.7"


def test_a_chosen_version_stands_whatever_the_archive_has_later(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    archive = dict(recipe_versions(recipe))
    archive["alpha", "xenial"] = Published("1.0-1~ubuntu16.04.1", "seen")
    chosen = versions.with_chosen(recipe, archive)
    later = archive | {("alpha", "xenial"): Published("1.0-1~ubuntu16.04.2", "seen")}
    for known in (later, {}):
        rows = versions.table(chosen, known)
        assert rows[0].ours == "1.0-1~ubuntu16.04.2"
    made = {f"{row.series}/{row.source}": row.built for row in versions.table(chosen, archive)}
    again = versions.as_made(recipe, made)
    assert [row.built for row in versions.table(again, {})] == list(made.values())
    # What is for testing only is no choice for the archive.
    assert again.source("beta").chosen == {}


def test_a_revision_of_the_recipe_is_the_last_number_and_says_why(tmp_path: Path) -> None:
    revision = {"xenial": {"number": 4, "reason": "3 was withdrawn"}}
    spec = SourceSpec("alpha", base="1.0-1", more={"revision": revision})
    source = recipes.load(tmp_path, Spec(sources=(spec,))).source("alpha")
    version, rule = versions.published_version(source, SERIES[0])
    assert (version, rule.endswith("3 was withdrawn")) == ("1.0-1~ubuntu16.04.4", True)
    assert versions.published_version(source, SERIES[1])[0] == "1.0-1~ubuntu16.10.1"


@given(ANY, ANY)
def test_only_the_same_version_counts_as_published(lower: str, higher: str) -> None:
    assert Relation(lower, higher, "", True, published=True).holds == dpkg(lower, "eq", higher)
    assert Relation(lower, higher, "", True).holds == dpkg(lower, "lt", higher)


def test_the_stand_in_version_keeps_the_epoch_of_the_real_one(pair: tuple[Source, Source]) -> None:
    unpinned = replace(pair[0], base=None, debian_version="2:1.0-1", version="1.0")
    version, _ = versions.built_version(unpinned, SERIES[0])
    assert version == "2:1.0-0ubuntu0.16.04.1~standin1"


def test_a_next_version_in_debian_that_is_not_above_ours_is_named(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    lower = tuple(replace(one, next_version="1.0-1") for one in recipe.sources)
    assert broken(replace(recipe, sources=lower), {}) == {
        f"beta in {name} < next in Debian" for name in recipes.UBUNTU
    }


def test_a_series_without_upload_may_not_stand_above_a_later_upload(tmp_path: Path) -> None:
    recipe = update(tmp_path, uploaded=("xenial", "zesty"))
    archive = dict(recipe_versions(recipe))
    archive["alpha", "zesty"] = Published("0.9-9", "seen")
    archive["alpha", "yakkety"] = Published("1.0-1", "seen")
    assert broken(recipe, archive) == {"alpha: yakkety < zesty"}


def goes_down(recipe: Recipe, archive: ArchiveVersions) -> bool:
    """Whether apt would not install ours, or an upgrade of the release would keep the old one.

    This is the question as a user's machine puts it, without the toolkit's own relations.
    """

    def has(source: str, series: str, *, updated: bool) -> str:
        if updated and series in recipe.source(source).series:
            has = archive.get((source, series))
            return versions.published_version(
                recipe.source(source), recipe.one_series(series), has
            )[0]
        published = archive.get((source, series))
        return published.version if published else ""

    def steps() -> Iterator[tuple[str, str]]:
        names = [one.name for one in recipe.series]
        for source in recipe.sources:
            for name in source.series:
                before = has(source.name, name, updated=False)
                after = has(source.name, name, updated=True)
                if before != after:  # else ours is published already
                    yield before, after
            for earlier, later in itertools.combinations(names, 2):
                if {earlier, later} & set(source.series):
                    yield (
                        has(source.name, earlier, updated=True),
                        has(source.name, later, updated=True),
                    )

    return any(low and high and Version(low) >= Version(high) for low, high in steps())


@given(
    place=st.sampled_from([("alpha", name) for name in recipes.UBUNTU]),
    raised=FULL
    | st.sampled_from(["1.0-1~ubuntu16.04.1", "1.0-1~ubuntu16.10.2", "1.0-1", "1.0-2", "1.1-1"]),
    uploaded=st.sampled_from(
        [names for size in (1, 2, 3) for names in itertools.combinations(recipes.UBUNTU, size)]
    ),
)
def test_the_proof_finds_every_path_that_goes_down_when_one_archive_version_is_raised(
    folder: Path, place: tuple[str, str], raised: str, uploaded: tuple[str, ...]
) -> None:
    recipe = update(folder, uploaded=uploaded)
    archive = dict(recipe_versions(recipe))
    assume(Version(raised) >= Version(archive[place].version))
    archive[place] = Published(raised, "seen")
    assert bool(broken(recipe, archive)) == goes_down(recipe, archive)


# ------------------------------------------------------------------ what runs beside what


def test_a_need_at_an_accepted_upstream_version_is_no_mismatch(tmp_path: Path) -> None:
    recipe = update(tmp_path)
    assert versions.mismatches(recipe, recipe_versions(recipe)) == ()


@pytest.mark.parametrize(
    ("published", "said"),
    [
        (Published("1.1-1", "seen"), "1.1-1"),
        (Published("", "seen"), "nothing"),
        (None, "nothing"),
    ],
)
def test_a_need_at_another_upstream_version_is_a_mismatch(
    tmp_path: Path, published: Published | None, said: str
) -> None:
    recipe = update(tmp_path)
    archive = dict(recipe_versions(recipe))
    del archive["alpha", "zesty"]
    if published:
        archive["alpha", "zesty"] = published
    assert [str(one) for one in versions.mismatches(recipe, archive)] == [
        f"beta in zesty runs with alpha 1.0, but the series has {said}"
    ]


# ------------------------------------------------------------------ what a recipe may hold


@settings(max_examples=60)
@given(st.from_regex(r"[0-9][0-9:.+~a-z-]{0,5}", fullmatch=True))
def test_a_version_that_a_recipe_may_hold_is_one_for_dpkg(folder: Path, text: str) -> None:
    content = recipes.data(Spec())
    content["source"]["alpha"]["version"] = text
    try:
        recipes.load_data(folder, Spec(), content)
    except RecipeError:
        return
    command = ["dpkg", "--validate-version", "--", text]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


# ------------------------------------------------- versions that the update itself makes


PAIR = Spec(sources=(SourceSpec("alpha"), SourceSpec("beta", needs=("alpha",))))


def locked(recipe: Recipe) -> Recipe:
    """The recipe, with beta asking for the very alpha that the update makes."""
    edit = ControlEdit("beta", "Depends", "the plugin needs the lock", add=("alpha (>= {alpha})",))
    sources = tuple(
        replace(source, control=(edit,)) if source.name == "beta" else source
        for source in recipe.sources
    )
    return replace(recipe, sources=sources)


def test_a_relation_can_ask_for_the_version_that_the_update_makes(tmp_path: Path) -> None:
    recipe = locked(recipes.load(tmp_path, PAIR))
    for series in recipe.series:
        filled = versions.with_versions(recipe, recipe.source("beta"), series)
        made, _ = versions.built_version(recipe.source("alpha"), series)
        assert [edit.add for edit in filled.control] == [(f"alpha (>= {made})",)]


def test_in_a_variant_it_asks_for_the_variants_version(tmp_path: Path) -> None:
    recipe = locked(recipes.load(tmp_path, PAIR))
    series = recipe.series[0]
    variant = Variant("plain", ("alpha", "beta"), "a control")
    filled = versions.with_versions(recipe, recipe.source("beta"), series, variant)
    (relation,) = filled.control[0].add
    assert relation.endswith("~plain1)")
