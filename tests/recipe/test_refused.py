"""Each wrong value of a recipe is refused in one sentence: the table is in refused.txt."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.recipes import SHA256, SourceSpec, Spec
from tests.support.wrong_recipes import TWO, put, refusal_of, take

LINES = [
    line.replace("SHA256", SHA256)
    for line in (Path(__file__).parent / "refused.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
PINNED = Spec(sources=(SourceSpec("alpha", base="1.0-1"),))
NO_PACKAGE = (
    "is no source package name; use lower case letters, digits and + - . (Debian Policy 5.6.1)"
)


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_value_is_refused_with_its_key_and_the_fix(tmp_path: Path, line: str) -> None:
    changed, _, said = line.partition(" -> ")
    key, given, value = changed.partition(" = ")
    change = put(key, to=tomllib.loads(f"value = {value}")["value"]) if given else take(key)
    spec = PINNED if key.startswith("source.alpha.base.") else TWO
    expected = f"backport.toml: {key}{'' if said[0] in '.[' else ': '}{said}"
    assert refusal_of(tmp_path, change, spec) == expected


@pytest.mark.parametrize("key", ["version", "debian-version", "next-version"])
@pytest.mark.parametrize("value", ["", "v1.0", "1.0 ", "1_0", "1:2:3", "1.0-", "é", "9999999999:1"])
def test_what_is_no_version_is_refused(tmp_path: Path, key: str, value: str) -> None:
    assert refusal_of(tmp_path, put(f"source.alpha.{key}", to=value)) == (
        f"backport.toml: source.alpha.{key}: {value!r} is no version; start with a digit; "
        "letters, digits and . + ~ - may follow (Policy 5.6.12)"
    )


@pytest.mark.parametrize("table", ["upstream", "base"])
@pytest.mark.parametrize("value", ["", "0123abc", SHA256.upper(), SHA256 + "0", "g" * 64])
def test_what_is_no_sha256_is_refused(tmp_path: Path, table: str, value: str) -> None:
    assert refusal_of(tmp_path, put(f"source.alpha.{table}.sha256", to=value), PINNED) == (
        f"backport.toml: source.alpha.{table}.sha256: {value!r} is no sha256; "
        "write the 64 hexadecimal digits that sha256sum prints"
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
        f"backport.toml: series.{name}: {name!r} is no name of a series; "
        "write it with lower case letters"
    )


@pytest.mark.parametrize("name", ["a/b", "..", "a..b", "a", "A1"])
@pytest.mark.parametrize("table", ["source", "retired", "archive"])
def test_a_source_with_a_name_that_is_no_package_name_is_refused(
    tmp_path: Path, table: str, name: str
) -> None:
    def change(content: dict[str, Any]) -> None:
        tables = content["series"]["xenial"] if table == "archive" else content
        tables[table][name] = dict(next(iter(tables[table].values())))

    place = "series.xenial.archive" if table == "archive" else table
    assert refusal_of(tmp_path, change) == f"backport.toml: {place}.{name}: {name!r} {NO_PACKAGE}"


@pytest.mark.parametrize("table", ["series", "source"])
def test_a_recipe_without_any_series_or_source_is_refused(tmp_path: Path, table: str) -> None:
    assert refusal_of(tmp_path, put(table, to={})) == (
        f"backport.toml: there is no {table}; add a table [{table}.NAME]"
    )


def test_a_control_in_a_recipe_without_variants_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, take("variant")) == (
        "backport.toml: matrix.test[2].control.variant: 'plain' is no variant of this recipe; "
        "add it"
    )


@pytest.mark.parametrize(
    ("source", "name", "key"),
    [
        ("alpha", "smoke", "name"),
        ("beta", "harm-control", "name"),
        ("beta", "harm", "control.test"),
    ],
)
def test_two_tests_of_one_name_in_one_source_are_refused(
    tmp_path: Path, source: str, name: str, key: str
) -> None:
    row: dict[str, Any] = {"name": name, "source": source}
    if key != "name":
        row |= {"name": "other", "control": {"test": name, "variant": "plain"}}

    def change(content: dict[str, Any]) -> None:
        content["matrix"]["test"].append(row)

    assert refusal_of(tmp_path, change) == (
        f"backport.toml: matrix.test[3].{key}: {source} has a test {name!r} already; "
        "take this row out, or name another test"
    )
