from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backport.recipe.model import ChangelogItem, NegativeControl, Published, Source, Variant
from backport.recipe.patch_folder import patch_names, quilt_series_file
from backport.recipe.reader import load
from tests.support import recipes
from tests.support.recipes import SHA256, SourceSpec, Spec
from tests.support.wrong_recipes import TWO, refusal


def test_a_whole_recipe_is_read(tmp_path: Path) -> None:
    recipe = recipes.load(tmp_path, TWO)
    assert (recipe.path, recipe.root) == (tmp_path / "backport.toml", tmp_path)
    assert (recipe.name, recipe.bug, recipe.ppa, recipe.as_of) == ("small", 1, "", None)
    assert [(series.name, series.version) for series in recipe.series] == [
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
    assert harm.controls == (NegativeControl("harm-control", "plain"),)
    assert [(one.name, one.outcome, one.by) for one in recipe.retired] == [
        ("old", "superseded", ("alpha",))
    ]


def test_an_item_of_the_changelog_may_hold_in_some_series_only(tmp_path: Path) -> None:
    items = ["Everywhere.", {"text": "Only there.", "series": ["xenial"]}, {"text": "Too."}]
    recipe = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha", more={"changes": items}),)))
    alpha = recipe.source("alpha")
    assert alpha.changes_in("xenial") == ("Everywhere.", "Only there.", "Too.")
    assert alpha.changes_in("yakkety") == ("Everywhere.", "Too.")


def test_one_value_stands_for_a_list_of_one(tmp_path: Path) -> None:
    content = recipes.data(TWO)
    content["source"]["alpha"] |= {"series": "xenial", "changes": "The only item."}
    alpha = recipes.load(tmp_path, TWO, content).source("alpha")
    assert (alpha.series, alpha.changes) == (("xenial",), (ChangelogItem("The only item."),))


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


def test_a_missing_file_is_named_with_the_two_ways_on(tmp_path: Path) -> None:
    path = tmp_path / "backport.toml"
    assert refusal(path) == (
        f"{path}: there is no such recipe; name one with --recipe, or make one with: "
        "backport init SOURCE --series NAME"
    )


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
        NegativeControl("harm-control", "plain"),
        NegativeControl("harm-control", ""),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[update]\nname = "unfinished\n', "Illegal character '\\n' (at line 2, column 19); mend"),
        (b'name = "\xff"\n', "line 1 is not UTF-8"),
        (None, ""),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "backport.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert refusal(path).startswith(f"{path}: this is not readable as TOML: {said}")


LOCAL = {"version": "1.0-1", "path": "files/alpha_1.0-1.dsc", "sha256": SHA256}
TARBALL = {"path": "files/alpha-1.0.tar.gz", "sha256": SHA256}


@pytest.mark.parametrize(
    ("changes", "upstream", "dsc"),
    [
        # A pinned package needs neither a tarball nor packaging of our own.
        ({"upstream": None}, None, ("alpha_1.0-1.dsc", "")),
        ({"pinned": LOCAL, "upstream": None}, None, ("alpha_1.0-1.dsc", LOCAL["path"])),
        ({"upstream": TARBALL}, ("alpha-1.0.tar.gz", TARBALL["path"]), ("alpha_1.0-1.dsc", "")),
        (
            {"upstream": {"pypi": "alpha", "sha256": SHA256}, "debian-version": None},
            ("alpha-1.0.tar.gz", ""),
            ("alpha_1.0-1.dsc", ""),
        ),
    ],
)
def test_what_is_left_out_follows_from_the_place_and_the_version(
    tmp_path: Path, changes: dict[str, Any], upstream: tuple[str, str] | None, dsc: tuple[str, str]
) -> None:
    spec = Spec(sources=(SourceSpec("alpha", pinned="1.0-1"),))
    content = recipes.data(spec)
    table = {**content["source"]["alpha"], **changes}
    content["source"]["alpha"] = {key: one for key, one in table.items() if one is not None}
    source = recipes.load(tmp_path, spec, content).source("alpha")

    def place(path: str) -> str:
        return str(tmp_path / path) if path else ""

    told = (source.upstream.file, source.upstream.path) if source.upstream else None
    assert told == (upstream and (upstream[0], place(upstream[1])))
    assert source.pinned is not None
    assert (source.pinned.dsc, source.pinned.path) == (dsc[0], place(dsc[1]))
    assert (source.pinned.version, source.debian_version) == ("1.0-1", "1.0-1")


def test_same_is_the_sources_own_upstream_version(tmp_path: Path) -> None:
    beta = SourceSpec("beta", needs=("alpha",), more={"needs-upstream": {"alpha": "same"}})
    recipe = recipes.load(tmp_path, Spec(sources=(SourceSpec("alpha"), beta)))
    assert recipe.source("beta").needs_upstream == {"alpha": ("1.0",)}
