from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backport.recipe.model import (
    Control,
    Published,
    Source,
    Variant,
)
from backport.recipe.patch_folder import patch_names, quilt_series_file
from backport.recipe.reader import load
from tests.support import recipes
from tests.support.recipes import SHA256, SourceSpec, Spec
from tests.support.wrong_recipes import TWO, put, refusal, refusal_of, take

# ------------------------------------------------------------------ what is right


def test_a_whole_recipe_is_read(tmp_path: Path) -> None:
    recipe = recipes.load(tmp_path, TWO)
    assert (recipe.path, recipe.root) == (tmp_path / "backport.toml", tmp_path)
    assert (recipe.name, recipe.bug, recipe.ppa, recipe.as_of) == ("small", 1, "", None)
    assert [(one.name, one.version) for one in recipe.series] == [
        ("xenial", "16.04"),
        ("yakkety", "16.10"),
    ]
    assert recipe.one_series("xenial").archive == {
        "alpha": Published("0.9-1", "the specification"),
        "beta": Published("", "the specification"),
    }
    beta = recipe.source("beta")
    assert (beta.version, beta.debian_version, beta.needs) == ("1.0", "1.0-1", ("alpha",))
    assert (beta.patches, beta.tests) == (tmp_path / "patches/beta", tmp_path / "autopkgtest/beta")
    assert recipe.variant("plain").sources == ("alpha",)
    smoke, harm = recipe.matrix
    assert (smoke.run, smoke.timeout, smoke.controls) == ("every", 900, ())
    assert (harm.run, harm.timeout) == ("long", 60)
    assert harm.controls == (Control("harm-control", "plain"),)
    assert [(one.name, one.outcome, one.by) for one in recipe.retired] == [
        ("old", "superseded", ("alpha",))
    ]


def test_an_item_of_the_changelog_may_hold_in_some_series_only(tmp_path: Path) -> None:
    items = ["Everywhere.", {"text": "Only there.", "series": ["xenial"]}, {"text": "Too."}]
    recipe = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha", more={"changes": items}),)))
    alpha = recipe.source("alpha")
    assert alpha.changes_in("xenial") == ("Everywhere.", "Only there.", "Too.")
    assert alpha.changes_in("yakkety") == ("Everywhere.", "Too.")


def test_the_recipe_of_this_repository_is_right() -> None:
    path = Path(__file__).parents[2] / "backport.toml"
    recipe = load(path)
    assert recipe.bug == 1640978
    assert recipe.as_of == date(2017, 2, 15)
    assert [one.name for one in recipe.series] == ["xenial", "yakkety", "zesty"]


def test_a_base_serves_without_an_upstream_tarball_and_without_our_packaging(
    tmp_path: Path,
) -> None:
    spec = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
    content = recipes.data(spec)
    del content["source"]["alpha"]["upstream"]
    source = recipes.load_data(tmp_path, spec, content).source("alpha")
    assert source.upstream is None
    assert source.base is not None
    assert (source.base.version, source.base.dsc) == ("1.0-1", "alpha_1.0-1.dsc")


def test_a_local_tarball_and_a_local_dsc_name_themselves(tmp_path: Path) -> None:
    spec = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
    content = recipes.data(spec)
    content["source"]["alpha"]["upstream"] = {"path": "files/alpha-1.0.tar.gz", "sha256": SHA256}
    content["source"]["alpha"]["base"] = {
        "version": "1.0-1",
        "path": "files/alpha_1.0-1.dsc",
        "sha256": SHA256,
    }
    source = recipes.load_data(tmp_path, spec, content).source("alpha")
    assert source.upstream is not None
    assert (source.upstream.file, source.upstream.path) == (
        "alpha-1.0.tar.gz",
        str(tmp_path / "files/alpha-1.0.tar.gz"),
    )
    assert source.base is not None
    assert (source.base.dsc, source.base.path) == (
        "alpha_1.0-1.dsc",
        str(tmp_path / "files/alpha_1.0-1.dsc"),
    )


def test_a_local_folder_needs_no_hash(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    spec = Spec()
    content = recipes.data(spec)
    content["source"]["alpha"]["upstream"] = {"path": "checkout"}
    source = recipes.load_data(tmp_path, spec, content).source("alpha")
    assert source.upstream is not None
    assert (source.upstream.sha256, source.upstream.path) == ("", str(tmp_path / "checkout"))


def test_a_series_may_have_a_quilt_series_of_its_own(tmp_path: Path) -> None:
    quilt = {"series": ("one.patch",), "series.xenial": ("one.patch", "two.patch")}
    recipe = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha", quilt=quilt),)))
    alpha = recipe.source("alpha")
    assert patch_names(quilt_series_file(alpha, "xenial")) == ("one.patch", "two.patch")
    assert patch_names(quilt_series_file(alpha, "yakkety")) == ("one.patch",)


def test_an_upstream_version_may_have_a_quilt_series_of_its_own(tmp_path: Path) -> None:
    names = ("series", "series.xenial", "series.1.0", "series.0.9")
    quilt = {name: (f"for-{name}.patch",) for name in names}
    alpha = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha", quilt=quilt),))).source(
        "alpha"
    )

    def used(source: Source, series: str) -> tuple[str, ...]:
        return patch_names(quilt_series_file(source, series))

    assert used(alpha, "xenial") == ("for-series.xenial.patch",)
    assert used(alpha, "yakkety") == ("for-series.1.0.patch",)
    assert used(replace(alpha, version="0.9"), "yakkety") == ("for-series.0.9.patch",)
    assert used(replace(alpha, version="0.8"), "yakkety") == ("for-series.patch",)


def test_comments_and_options_of_a_quilt_series_are_no_patches(tmp_path: Path) -> None:
    file = tmp_path / "series"
    file.write_text("# all\n\none.patch -p1\n  two.patch # second\n")
    assert patch_names(file) == ("one.patch", "two.patch")


# ------------------------------------------------------------------ the file itself


def test_a_missing_file_is_named_with_the_two_ways_on(tmp_path: Path) -> None:
    path = tmp_path / "backport.toml"
    assert refusal(path) == (
        f"{path}: there is no such recipe; name one with --recipe, or make one with: "
        "backport init SOURCE --series NAME"
    )


def test_bad_toml_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "backport.toml"
    path.write_text('[update]\nname = "unfinished\n')
    assert refusal(path) == (
        f"{path}: this is not readable as TOML: Illegal character '\\n' (at line 2, column 19); "
        "mend that line"
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "backport.toml"
    path.write_bytes(b'name = "\xff"\n')
    assert refusal(path).startswith(f"{path}: this is not readable as TOML: line 1 is not UTF-8")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path}: this is not readable as TOML: ")


# ------------------------------------------------------------------ unknown keys


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("sources", "write source"),
        ("update.maintaner", "write maintainer"),
        ("update.colour", "known keys: as-of, bug, date, key, maintainer, name, ppa, stand-in"),
        ("series.xenial.miror", "write mirror"),
        ("series.xenial.archive.alpha.confirm", "write confirmed"),
        ("source.alpha.need", "write needs"),
        ("source.alpha.next-versoin", "write next-version"),
        ("source.alpha.bse", "write base"),
        ("source.alpha.upstream.sha265", "write sha256"),
        ("retired.old.outcom", "write outcome"),
        ("variant.plain.without-patch", "write without-patches"),
        ("matrix.includ", "write include"),
        ("review.everything", "known keys: all, source"),
        ("review.all.test", "write tests"),
        ("matrix.test[1].timout", "write timeout"),
        ("matrix.test[2].control.tests", "write test"),
    ],
)
def test_an_unknown_key_is_refused_in_every_table(tmp_path: Path, key: str, advice: str) -> None:
    expected = f"backport.toml: {key}: this key is unknown; {advice}"
    assert refusal_of(tmp_path, put(key, to={})) == expected


def test_an_unknown_key_of_a_base_is_refused(tmp_path: Path) -> None:
    spec = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
    assert refusal_of(tmp_path, put("source.alpha.base.uri", to="x"), spec) == (
        "backport.toml: source.alpha.base.uri: this key is unknown; write url"
    )


def test_an_unknown_key_of_a_control_edit_is_refused(tmp_path: Path) -> None:
    edit = {"paragraph": "source", "field": "Build-Depends", "reason": "r", "ad": ["x"]}
    assert refusal_of(tmp_path, put("source.alpha.control", to=[edit])) == (
        "backport.toml: source.alpha.control[1].ad: this key is unknown; write add"
    )


# ------------------------------------------------------------------ missing keys


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("update.name", "add name = …"),
        ("update.bug", "write the Launchpad bug's number"),
        ("update.maintainer", 'write "Name <address>"'),
        ("update.date", "write the changelog's date as in RFC 5322"),
        ("series.xenial.version", 'write the release, such as "16.04"'),
        ("series.xenial.archive.alpha.version", 'write "" if the series has none'),
        ("source.alpha.version", "add version = …"),
        ("source.alpha.series", 'add series = ["…"]'),
        ("source.alpha.changes", 'add changes = ["…"]'),
        ("source.alpha.upstream.file", "add file = …"),
        ("retired.old.series", 'add series = ["…"]'),
        ("retired.old.reason", "add reason = …"),
        ("variant.plain.without-patches", 'add without-patches = ["…"]'),
        ("variant.plain.purpose", "add purpose = …"),
    ],
)
def test_a_missing_key_is_named_with_what_to_write(tmp_path: Path, key: str, advice: str) -> None:
    expected = f"backport.toml: {key}: this key is missing; {advice}"
    assert refusal_of(tmp_path, take(key)) == expected


def test_a_missing_pin_of_a_tarball_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, take("source.alpha.upstream.sha256")) == (
        "backport.toml: source.alpha.upstream.sha256: this key is missing; add sha256 = …"
    )


def test_a_missing_pin_of_a_base_is_refused_with_the_command_that_fills_it_in(
    tmp_path: Path,
) -> None:
    spec = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
    assert refusal_of(tmp_path, take("source.alpha.base.sha256"), spec) == (
        "backport.toml: source.alpha.base.sha256: this key is missing; "
        "fill it in with: backport pin"
    )


def test_neither_a_tarball_nor_a_base_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, take("source.alpha.upstream")) == (
        "backport.toml: source.alpha.upstream.file: this key is missing; add file = …"
    )


@pytest.mark.parametrize("table", ["series", "source"])
def test_a_recipe_without_any_series_or_source_is_refused(tmp_path: Path, table: str) -> None:
    def change(content: dict[str, Any]) -> None:
        content[table] = {}

    assert refusal_of(tmp_path, change) == (
        f"backport.toml: there is no {table}; add a table [{table}.NAME]"
    )


# ------------------------------------------------------------------ wrong values


@pytest.mark.parametrize(
    ("key", "value", "what", "advice"),
    [
        ("update", "x", "'x' is not a table", ""),
        ("update.bug", "1", "'1' is not a whole number", "write the Launchpad bug's number"),
        ("update.name", 3, "3 is not a string", ""),
        ("series.xenial", "16.04", "'16.04' is not a table", ""),
        (
            "series.xenial.version",
            16.04,
            "16.04 is not a string",
            'write the release, such as "16.04"',
        ),
        ("series.xenial.version", "16.4", "'16.4' is no Ubuntu release", 'write it like "16.04"'),
        (
            "source.alpha.series",
            "xenial",
            "this is not a list of strings",
            'write series = ["…"]',
        ),
        (
            "source.alpha.changes",
            ["x", 1],
            "this is not a list of strings and tables",
            'write changes = ["…"]',
        ),
        ("source.alpha.control", {}, "this is not an array of tables", "write [[…control]]"),
        ("review.source.tests", "9", "'9' is not a whole number", ""),
        ("matrix.test[1].timeout", "60", "'60' is not a whole number", ""),
        (
            "matrix.test[1].run",
            "sometimes",
            "'sometimes' is not known here",
            "write one of every, long",
        ),
        (
            "retired.old.outcome",
            "gone",
            "'gone' is not known here",
            "write one of superseded, final-upload, untouched",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key(
    tmp_path: Path, key: str, value: object, what: str, advice: str
) -> None:
    expected = f"backport.toml: {key}: {what}" + (f"; {advice}" if advice else "")
    assert refusal_of(tmp_path, put(key, to=value)) == expected


@pytest.mark.parametrize("key", ["version", "debian-version", "next-version"])
@pytest.mark.parametrize("value", ["", "v1.0", "1.0 ", "1_0", "1:2:3", "1.0-", "é", "9999999999:1"])
def test_what_is_no_version_is_refused(tmp_path: Path, key: str, value: str) -> None:
    assert refusal_of(tmp_path, put(f"source.alpha.{key}", to=value)) == (
        f"backport.toml: source.alpha.{key}: {value!r} is no version; start with a digit; "
        "letters, digits and . + ~ - may follow (Policy 5.6.12)"
    )


def test_what_is_no_package_name_is_refused(tmp_path: Path) -> None:
    spec = Spec(sources=(SourceSpec("Alpha_1"),))
    assert refusal(recipes.write(tmp_path, spec)) == (
        "backport.toml: source.Alpha_1: 'Alpha_1' is no source package name; "
        "use lower case letters, digits and + - . (Debian Policy 5.6.1)"
    )


@pytest.mark.parametrize("table", ["upstream", "base"])
@pytest.mark.parametrize("value", ["", "0123abc", SHA256.upper(), SHA256 + "0", "g" * 64])
def test_what_is_no_sha256_is_refused(tmp_path: Path, table: str, value: str) -> None:
    spec = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
    assert refusal_of(tmp_path, put(f"source.alpha.{table}.sha256", to=value), spec) == (
        f"backport.toml: source.alpha.{table}.sha256: {value!r} is no sha256; "
        "write the 64 hexadecimal digits that sha256sum prints"
    )


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"pypi": "alpha", "url": "https://example.org/a.tar.gz"},
        {"pypi": "alpha", "path": "a.tar.gz"},
        {"url": "https://example.org/a.tar.gz", "path": "a.tar.gz"},
    ],
)
def test_a_tarball_with_no_place_or_two_is_refused(tmp_path: Path, places: dict[str, str]) -> None:
    upstream = {"file": "a.tar.gz", "sha256": SHA256, **places}
    assert refusal_of(tmp_path, put("source.alpha.upstream", to=upstream)) == (
        "backport.toml: source.alpha.upstream: the tarball's place is not clear; "
        "write exactly one of pypi, url and path"
    )


@pytest.mark.parametrize("places", [{}, {"url": "https://example.org/a.dsc", "path": "a.dsc"}])
def test_a_base_with_no_place_or_two_is_refused(tmp_path: Path, places: dict[str, str]) -> None:
    base = {"version": "1.0-1", "dsc": "a.dsc", "sha256": SHA256, **places}
    assert refusal_of(tmp_path, put("source.alpha.base", to=base)) == (
        "backport.toml: source.alpha.base: the .dsc's place is not clear; "
        "write exactly one of url and path"
    )


def test_a_control_edit_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    edit = {"paragraph": "source", "field": "Build-Depends", "reason": "r"}
    assert refusal_of(tmp_path, put("source.alpha.control", to=[edit])) == (
        "backport.toml: source.alpha.control[1]: this edit changes nothing; "
        "give add, drop or replace"
    )


def test_an_optional_control_edit_adds_nothing(tmp_path: Path) -> None:
    edit = {"paragraph": "source", "field": "Breaks", "reason": "r", "optional": True}
    assert refusal_of(tmp_path, put("source.alpha.control", to=[{**edit, "add": ["a"]}])) == (
        "backport.toml: source.alpha.control[1]: an optional edit cannot add a relation; "
        "write add into an edit of its own"
    )


def test_a_variant_whose_name_cannot_be_a_part_of_a_version_is_refused(tmp_path: Path) -> None:
    content = {"without-patches": ["alpha"], "purpose": "p"}
    assert refusal_of(tmp_path, put("variant.un-patched", to=content)) == (
        "backport.toml: variant.un-patched: 'un-patched' cannot be a part of a version; "
        "name a variant with lower case letters only"
    )


def test_what_is_left_out_follows_from_the_version(tmp_path: Path) -> None:
    spec = Spec()
    content = recipes.data(spec)
    alpha = content["source"]["alpha"]
    del alpha["debian-version"]
    alpha["upstream"] = {"pypi": "alpha", "sha256": SHA256}
    source = load(recipes.write(tmp_path, spec, content)).source("alpha")
    assert source.debian_version == "1.0-1"
    assert source.upstream is not None
    assert source.upstream.file == "alpha-1.0.tar.gz"


def test_same_is_the_sources_own_upstream_version(tmp_path: Path) -> None:
    spec = Spec(sources=(SourceSpec("alpha"), SourceSpec("beta", needs=("alpha",))))
    content = recipes.data(spec)
    content["source"]["beta"]["needs-upstream"] = {"alpha": "same"}
    assert load(recipes.write(tmp_path, spec, content)).source("beta").needs_upstream == {
        "alpha": ("1.0",)
    }


@pytest.mark.parametrize(
    ("files", "patched", "expected"),
    [
        (("series", "series.plain"), (), None),
        (("series", "series.plain"), ("alpha",), "series.plain"),
        (("series", "series.plain.1.0"), (), "series.plain.1.0"),
        (("series.plain", "series.plain.1.0"), ("alpha",), "series.plain.1.0"),
        (("series", "series.plain.2.0"), (), None),
    ],
)
def test_a_variant_has_its_own_patches_or_those_for_its_version_or_none(
    tmp_path: Path, files: tuple[str, ...], patched: tuple[str, ...], expected: str | None
) -> None:
    source = recipes.load(tmp_path, Spec()).source("alpha")
    for name in files:
        (source.patches / name).touch()
    found = quilt_series_file(source, "xenial", Variant("plain", ("alpha",), "p", patched))
    assert (found.name if found else None) == expected


def test_a_test_may_have_several_controls_one_on_the_updates_own_packages(tmp_path: Path) -> None:
    rows = [{"test": "harm-control", "variant": "plain"}, {"test": "harm-control"}]
    content = recipes.data(TWO)
    content["matrix"]["test"][1]["control"] = rows
    recipe = load(recipes.write(tmp_path, TWO, content))
    assert recipe.matrix[1].controls == (
        Control("harm-control", "plain"),
        Control("harm-control", ""),
    )
