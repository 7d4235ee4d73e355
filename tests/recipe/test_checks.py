"""What has to hang together in a recipe: names that must exist, cycles, patches, packaging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.errors import RecipeError
from backport.recipe.reader import load
from tests.support import recipes
from tests.support.recipes import SourceSpec, Spec
from tests.support.wrong_recipes import TWO, put, refusal, refusal_of, take

# ------------------------------------------------------------------ names that must exist


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("source.alpha.series", "xenail"),
        ("retired.old.series", "zesty"),
    ],
)
def test_an_unknown_series_is_refused_with_the_known_ones(
    tmp_path: Path, key: str, name: str
) -> None:
    assert refusal_of(tmp_path, put(key, to=[name])) == (
        f"backport.toml: {key}: {name!r} is no series of this recipe; "
        "write one of xenial, yakkety, or add it"
    )


def test_an_unknown_series_of_a_control_edit_is_refused(tmp_path: Path) -> None:
    edit = {
        "paragraph": "source",
        "field": "Build-Depends",
        "reason": "r",
        "add": ["x"],
        "series": ["zesty"],
    }
    assert refusal_of(tmp_path, put("source.alpha.control", to=[edit])) == (
        "backport.toml: source.alpha.control[1].series: 'zesty' is no series of this recipe; "
        "write one of xenial, yakkety, or add it"
    )


def test_an_unknown_series_of_an_item_of_the_changelog_is_refused(tmp_path: Path) -> None:
    items = ["Everywhere.", {"text": "Elsewhere.", "series": ["zesty"]}]
    assert refusal_of(tmp_path, put("source.alpha.changes", to=items)) == (
        "backport.toml: source.alpha.changes[2].series: 'zesty' is no series of this recipe; "
        "write one of xenial, yakkety, or add it"
    )


@pytest.mark.parametrize(
    ("items", "series"), [([], "xenial"), ([{"text": "There.", "series": ["xenial"]}], "yakkety")]
)
def test_a_series_whose_changelog_has_no_item_is_refused(
    tmp_path: Path, items: list[object], series: str
) -> None:
    assert refusal_of(tmp_path, put("source.alpha.changes", to=items)) == (
        f"backport.toml: source.alpha.changes: the changelog of {series} has no item; "
        "write one that holds there"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("source.beta.needs", ["gamma"]),
        ("retired.old.by", ["gamma"]),
        ("variant.plain.without-patches", ["gamma"]),
        ("matrix.test[1].source", "gamma"),
    ],
)
def test_an_unknown_source_is_refused_with_the_known_ones(
    tmp_path: Path, key: str, value: object
) -> None:
    assert refusal_of(tmp_path, put(key, to=value)) == (
        f"backport.toml: {key}: 'gamma' is no source of this recipe; "
        "write one of alpha, beta, or add it"
    )


def test_an_upstream_version_is_asked_of_a_need_only(tmp_path: Path) -> None:
    change = put("source.beta.needs-upstream", to={"gamma": ["1.0"]})
    assert refusal_of(tmp_path, change) == (
        "backport.toml: source.beta.needs-upstream: 'gamma' is not one of this source's needs; "
        'add it to needs = ["alpha"], or take it out here'
    )


def test_an_unknown_variant_of_a_control_is_refused(tmp_path: Path) -> None:
    change = put("matrix.test[2].control.variant", to="bare")
    assert refusal_of(tmp_path, change) == (
        "backport.toml: matrix.test[2].control.variant: 'bare' is no variant of this recipe; "
        "write one of plain, or add it"
    )


def test_a_control_in_a_recipe_without_variants_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, take("variant")) == (
        "backport.toml: matrix.test[2].control.variant: 'plain' is no variant of this recipe; "
        "add it"
    )


# ------------------------------------------------------------------ what hangs together


@pytest.mark.parametrize(
    ("needs", "cycles"),
    [
        ({"alpha": ["beta"], "beta": ["alpha"]}, {("alpha", "beta"), ("beta", "alpha")}),
        ({"alpha": ["alpha"], "beta": []}, {("alpha",)}),
    ],
)
def test_sources_that_need_each_other_are_refused_with_the_cycle(
    tmp_path: Path, needs: dict[str, list[str]], cycles: set[tuple[str, ...]]
) -> None:
    def change(content: dict[str, Any]) -> None:
        for name, names in needs.items():
            content["source"][name]["needs"] = names

    assert refusal_of(tmp_path, change) in {
        f"backport.toml: source.{cycle[0]}.needs: the sources need each other in a cycle: "
        f"{' -> '.join((*cycle, cycle[0]))}; take one of these out of needs"
        for cycle in cycles
    }


@pytest.mark.parametrize("series_file", ["series", "series.yakkety"])
def test_a_patch_that_is_listed_and_missing_is_refused(tmp_path: Path, series_file: str) -> None:
    spec = Spec(sources=(SourceSpec("alpha", quilt={series_file: ("one.patch", "two.patch")}),))
    path = recipes.write(tmp_path, spec)
    folder = tmp_path / "patches" / "alpha"
    (folder / "two.patch").unlink()
    assert refusal(path) == (
        f"backport.toml: source.alpha.patches: {series_file} lists two.patch, "
        f"which is not in {folder}; add the patch or take its line out"
    )


def test_neither_packaging_nor_base_is_refused(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, TWO)
    packaging = tmp_path / "patches" / "beta" / "debian"
    (packaging / "control").unlink()
    assert refusal(path) == (
        "backport.toml: source.beta.base: there is neither a pinned .dsc nor our own packaging; "
        f"pin one with: backport pin, or write {packaging}"
    )


def test_pin_reads_a_recipe_with_neither_packaging_nor_base(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, TWO)
    (tmp_path / "patches" / "beta" / "debian" / "control").unlink()
    assert load(path, unpinned=True).source("beta").base is None
    content = recipes.data(TWO)
    put("update.ppa", to="x")(content)
    path.write_text(recipes.toml(content))
    with pytest.raises(RecipeError, match=r"update\.ppa"):
        load(path, unpinned=True)


@pytest.mark.parametrize(
    ("name", "instead"),
    [("changelog", "put its items into changes"), ("tests", "put the tests into ")],
)
def test_what_the_toolkit_writes_is_refused_in_our_packaging(
    tmp_path: Path, name: str, instead: str
) -> None:
    path = recipes.write(tmp_path, TWO)
    file = tmp_path / "patches" / "beta" / "debian" / name
    file.touch()
    if name == "tests":
        instead += str(tmp_path / "autopkgtest" / "beta")
    assert refusal(path) == (
        f"backport.toml: source.beta.patches: our own packaging brings {name}, which the toolkit "
        f"writes; remove {file} and {instead}"
    )


def test_packaging_that_is_not_used_is_not_looked_at(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, Spec(sources=(SourceSpec("alpha", base="1.0-1"),)))
    (tmp_path / "patches" / "alpha" / "debian").mkdir(parents=True)
    (tmp_path / "patches" / "alpha" / "debian" / "changelog").touch()
    assert load(path).source("alpha").base is not None


@pytest.mark.parametrize(
    "name", ["series.zesty", "series.xenail", "series.Xenial", "series.xenial.old"]
)
def test_a_quilt_series_for_nothing_that_is_known_is_refused(tmp_path: Path, name: str) -> None:
    path = recipes.write(tmp_path, TWO)
    file = tmp_path / "patches" / "alpha" / name
    file.touch()
    what = name.partition(".")[2]
    assert refusal(path) == (
        f"backport.toml: source.alpha.patches: {name} is for {what!r}, which is neither a series "
        f"nor a variant of this recipe nor an upstream version; rename or remove {file}"
    )


@pytest.mark.parametrize(
    "name",
    ["series.xenial", "series.1.0", "series.0.10.0", "series.plain", "series~"],
)
def test_a_quilt_series_may_be_for_a_series_a_variant_or_any_upstream_version(
    tmp_path: Path, name: str
) -> None:
    path = recipes.write(tmp_path, TWO)
    (tmp_path / "patches" / "alpha" / name).touch()
    assert load(path).sources[0].name == "alpha"


def test_a_variant_with_patches_of_its_own_needs_their_quilt_series(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["variant"]["naive"] = {"with-patches": ["alpha"], "purpose": "p"}

    content = recipes.data(TWO)
    change(content)
    path = recipes.write(tmp_path, TWO, content)
    wanted = tmp_path / "patches" / "alpha" / "series.naive"
    assert refusal(path) == (
        "backport.toml: variant.naive.with-patches: alpha has no quilt series for this variant; "
        f"write {wanted}"
    )
    wanted.touch()
    assert load(path).variant("naive").patched == ("alpha",)


def test_a_relation_to_a_version_that_the_update_does_not_make_is_refused(tmp_path: Path) -> None:
    edit = {
        "paragraph": "alpha",
        "field": "Depends",
        "add": ["beta (>= {beta})"],
        "reason": "r",
    }
    content = recipes.data(TWO)
    content["source"]["alpha"]["control"] = [edit]
    assert refusal(recipes.write(tmp_path, TWO, content)) == (
        "backport.toml: source.alpha.control[1]: 'beta' is no need of this source; add it to needs"
    )


def test_a_patch_that_no_series_file_lists_is_refused(tmp_path: Path) -> None:
    path = recipes.write(tmp_path, TWO)
    patches = tmp_path / "patches" / "alpha"
    (patches / "two.patch").write_text("")
    assert refusal(path) == (
        "backport.toml: source.alpha.patches: two.patch stands in no series file, so nothing "
        f"applies it; add its name to {patches / 'series'}, or remove it"
    )
    (patches / "series.plain").write_text("two.patch\n")
    assert load(path).name == "small"


def test_a_date_with_another_weekday_is_refused_with_the_right_one(tmp_path: Path) -> None:
    change = put("update.date", to="Sun, 23 Nov 2026 00:30:00 +0200")
    assert refusal_of(tmp_path, change) == (
        "backport.toml: update.date: that day is a Mon, not Sun; write Mon, or another day"
    )


# ------------------------------------------------------------------ a base, a revision by series


def pin(version: str) -> dict[str, str]:
    return {
        "version": version,
        "dsc": f"alpha_{version}.dsc",
        "sha256": recipes.SHA256,
        "url": "https://example.org/",
    }


def by_series(content: dict[str, Any], **bases: str) -> None:
    """Give alpha a base for each of these series, and no version of its own."""
    source = content["source"]["alpha"]
    for key in ("version", "debian-version", "upstream"):
        source.pop(key, None)
    source["base"] = {name: pin(version) for name, version in bases.items()}


def test_each_series_may_have_a_base_of_its_own(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    by_series(content, xenial="1.0-1", yakkety="2.0-1ubuntu1")
    source = recipes.load_data(tmp_path, TWO, content).source("alpha")
    there = {name: source.in_series(name) for name in source.series}
    assert {name: (one.version, one.debian_version) for name, one in there.items()} == {
        "xenial": ("1.0", "1.0-1"),
        "yakkety": ("2.0", "2.0-1ubuntu1"),
    }
    assert [one.version for one in source.pins] == ["1.0-1", "2.0-1ubuntu1"]


def test_a_series_without_a_base_of_its_own_has_the_common_one(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    content["source"]["alpha"]["base"] = pin("1.0-1") | {"yakkety": pin("2.0-1")}
    source = recipes.load_data(tmp_path, TWO, content).source("alpha")
    assert [source.in_series(name).debian_version for name in source.series] == ["1.0-1", "2.0-1"]


@pytest.mark.parametrize(
    ("bases", "said"),
    [
        (
            {"xenial": "1.0-1"},
            "source.alpha.base: there is no base for yakkety; add [source.alpha.base.yakkety]",
        ),
        (
            {"xenial": "1.0-1", "yakkety": "1.0-2", "zesty": "1.0-3"},
            "source.alpha.base: 'zesty' is no series of this source of this recipe; "
            "write one of xenial, yakkety, or add it",
        ),
    ],
)
def test_the_bases_are_those_of_the_sources_series(
    tmp_path: Path, bases: dict[str, str], said: str
) -> None:
    assert refusal_of(tmp_path, lambda content: by_series(content, **bases)) == (
        f"backport.toml: {said}"
    )


def test_a_version_that_no_base_has_is_refused(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        by_series(content, xenial="1.0-1", yakkety="2.0-1")
        content["source"]["alpha"]["version"] = "3.0"

    assert refusal_of(tmp_path, change) == (
        "backport.toml: source.alpha.version: no base is of '3.0'; take it out"
    )


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ({"number": 0, "reason": "r"}, "revision: 0 is no number of an upload; give"),
        ({"number": 2, "reason": ""}, "revision: it has no reason; give a number"),
        ({"number": 2}, "revision.reason: this key is missing; say why"),
        ({"zesty": {"number": 2, "reason": "r"}}, "revision: 'zesty' is no series of this source"),
    ],
)
def test_a_revision_is_a_number_with_its_reason(
    tmp_path: Path, revision: dict[str, Any], said: str
) -> None:
    assert refusal_of(tmp_path, put("source.alpha.revision", to=revision)).startswith(
        f"backport.toml: source.alpha.{said}"
    )


# ------------------------------------------------------------------ order, versions, matrix


def test_series_that_are_not_in_the_order_of_their_versions_are_refused(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["series"] = dict(reversed(content["series"].items()))

    assert refusal_of(tmp_path, change) == (
        "backport.toml: series.xenial: xenial (16.04) stands behind yakkety (16.10); "
        "put the tables of the series in the order of their versions, each once"
    )


def test_two_series_of_one_version_are_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, put("series.yakkety.version", to="16.04")).startswith(
        "backport.toml: series.yakkety: yakkety (16.04) stands behind xenial (16.04); "
    )


def test_a_debian_version_of_another_upstream_version_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, put("source.alpha.debian-version", to="1:1.0.1-1")) == (
        "backport.toml: source.alpha.debian-version: '1:1.0.1-1' is of upstream's 1.0.1, and "
        "version is '1.0'; make the two agree"
    )


def test_a_base_of_another_version_than_the_one_to_bring_is_refused(tmp_path: Path) -> None:
    spec = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
    assert refusal_of(tmp_path, put("source.alpha.base.version", to="1.0-2"), spec) == (
        "backport.toml: source.alpha.base.version: the .dsc is of '1.0-2', and debian-version is "
        "'1.0-1'; correct debian-version, then run: backport pin --update --source alpha"
    )


@pytest.mark.parametrize(
    ("row", "key", "name"),
    [
        ({"name": "smoke", "source": "alpha"}, "name", "smoke"),
        ({"name": "harm-control", "source": "beta"}, "name", "harm-control"),
        (
            {
                "name": "other",
                "source": "beta",
                "control": {"test": "harm", "variant": "plain"},
            },
            "control.test",
            "harm",
        ),
    ],
)
def test_two_tests_of_one_name_in_one_source_are_refused(
    tmp_path: Path, row: dict[str, Any], key: str, name: str
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["matrix"]["test"].append(row)

    assert refusal_of(tmp_path, change) == (
        f"backport.toml: matrix.test[3].{key}: {row['source']} has a test {name!r} already; "
        "take this row out, or name another test"
    )


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/x", "a b", ".hidden", "a..b"])
@pytest.mark.parametrize("key", ["matrix.test[1].name", "matrix.test[2].control.test"])
def test_a_test_with_a_name_that_is_no_plain_name_is_refused(
    tmp_path: Path, key: str, name: str
) -> None:
    assert refusal_of(tmp_path, put(key, to=name)) == (
        f"backport.toml: {key}: {name!r} is no name of a test; use letters, digits and + - . _"
    )


@pytest.mark.parametrize("name", ["..", "a/b", "Xenial", "x y", ""])
def test_a_series_with_a_name_that_is_no_plain_name_is_refused(tmp_path: Path, name: str) -> None:
    def change(content: dict[str, Any]) -> None:
        content["series"][name] = {"version": "17.04"}

    assert refusal_of(tmp_path, change) == (
        f"backport.toml: series.{name}: {name!r} is no name of a series; use lower case letters"
    )


@pytest.mark.parametrize("name", ["a/b", "..", "a..b", "a", "A1"])
@pytest.mark.parametrize("table", ["source", "retired", "series.xenial.archive"])
def test_a_source_with_a_name_that_is_no_package_name_is_refused(
    tmp_path: Path, table: str, name: str
) -> None:
    def change(content: dict[str, Any]) -> None:
        if table == "series.xenial.archive":
            content["series"]["xenial"]["archive"][name] = {"version": ""}
        else:
            content[table][name] = next(iter(content[table].values()))

    assert refusal_of(tmp_path, change) == (
        f"backport.toml: {table}.{name}: {name!r} is no source package name; "
        "use lower case letters, digits and + - . (Debian Policy 5.6.1)"
    )


@pytest.mark.parametrize("name", ["../x.tar.gz", "a/x.tar.gz", "", ".x"])
def test_a_tarball_with_a_folder_in_its_name_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal_of(tmp_path, put("source.alpha.upstream.file", to=name)) == (
        f"backport.toml: source.alpha.upstream.file: {name!r} is no name of a file; "
        "use a file's name, without a folder"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../x.dsc", "'../x.dsc' is no name of a file; use a file's name, without a folder"),
        ("x.tar.gz", "'x.tar.gz' is no .dsc; name the .dsc of the source package"),
    ],
)
def test_a_base_that_is_no_dsc_is_refused(tmp_path: Path, name: str, expected: str) -> None:
    spec = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
    assert refusal_of(tmp_path, put("source.alpha.base.dsc", to=name), spec) == (
        f"backport.toml: source.alpha.base.dsc: {expected}"
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            "update.bug",
            -1,
            "-1 is no bug; write the Launchpad bug's number, or 0 until it is filed",
        ),
        ("update.maintainer", "Me", "'Me' is no maintainer; write \"Name <address>\""),
        ("update.maintainer", "<a@b>", "'<a@b>' is no maintainer; write \"Name <address>\""),
        ("update.ppa", "ppa:a/b", '\'ppa:a/b\' is no PPA; write "owner/name", or "" for none'),
        ("update.ppa", "a/b/c", '\'a/b/c\' is no PPA; write "owner/name", or "" for none'),
        (
            "update.date",
            "2026-11-23",
            "'2026-11-23' is no date for a changelog; "
            "write it as date -R prints it, such as Mon, 23 Nov 2026 12:00:00 +0000",
        ),
        (
            "update.date",
            "Mon, 23 Nov 2026 12:00:00",
            "'Mon, 23 Nov 2026 12:00:00' is no date for a changelog; "
            "write it as date -R prints it, such as Mon, 23 Nov 2026 12:00:00 +0000",
        ),
        (
            "update.as-of",
            "15 Feb 2017",
            "'15 Feb 2017' is no day; write it as in ISO 8601, such as \"2017-02-15\"",
        ),
        ("matrix.test[1].timeout", 0, "0 is no time; write seconds, from 1 on"),
        ("retired.old.by", [], "it is superseded by nothing; name the sources that take its place"),
        (
            "series.xenial.archive.alpha.version",
            "none",
            "'none' is no version; start with a digit; letters, digits and . + ~ - may follow "
            '(Policy 5.6.12), or write "" if the series has none',
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_the_fix(
    tmp_path: Path, key: str, value: object, expected: str
) -> None:
    assert refusal_of(tmp_path, put(key, to=value)) == f"backport.toml: {key}: {expected}"


# ------------------------------------------------------------------ whatever comes


@given(
    key=st.sampled_from(
        [
            "update.bug",
            "update.ppa",
            "update.as-of",
            "update.date",
            "update",
            "series",
            "series.xenial",
            "series.xenial.version",
            "series.xenial.archive",
            "series.xenial.toolchain",
            "source",
            "source.alpha",
            "source.alpha.version",
            "source.alpha.upstream",
            "source.alpha.upstream.path",
            "source.alpha.needs-upstream",
            "source.alpha.base",
            "source.alpha.control",
            "retired",
            "variant.plain",
            "matrix",
            "matrix.test",
            "matrix.test[2].control",
        ]
    ),
    value=st.recursive(
        st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "alpha", "1.0", "../x"]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["version", "alpha", "x y"]), inner, max_size=2)
        ),
        max_leaves=4,
    ),
)
def test_a_recipe_with_any_value_anywhere_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    root = tmp_path_factory.mktemp("recipe")
    content = recipes.data(TWO)
    put(key, to=value)(content)
    path = recipes.write(root, TWO, content)
    try:
        load(path)
    except RecipeError as error:
        assert str(error).startswith("backport.toml: ")
        assert error.advice or "is not" in error.what
