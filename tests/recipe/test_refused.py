"""Each wrong value of a recipe is refused in one sentence: the table is in refused.txt."""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.recipes import SHA256, SourceSpec
from tests.support.wrong_recipes import TWO, put, refusal_of, take

LINES = [
    line.replace("SHA256", SHA256)
    for line in (Path(__file__).parent / "refused.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
PINNED = replace(TWO, sources=(SourceSpec("alpha", pinned="1.0-1"), TWO.sources[1]))
# The keys that have a form, values that have not, and what is said of them.
FORMS = {
    "source.alpha.version source.alpha.next-version": (
        ("", "v1.0", "1.0 ", "1_0", "1:2:3", "1.0-", "é", "9999999999:1"),
        "is no version; start with a digit; letters, digits and . + ~ - may follow (Policy 5.6.12)",
    ),
    "source.alpha.upstream.sha256 source.alpha.pinned.sha256": (
        ("", "0123abc", SHA256.upper(), SHA256 + "0", "g" * 64),
        "is no sha256; write the 64 hexadecimal digits that sha256sum prints",
    ),
    "matrix.test[1].name matrix.test[2].control.test": (
        ("", "..", "../x", "a/b", "/x", "a b", ".hidden", "a..b"),
        "is no name of a test; use letters, digits and + - . _",
    ),
    "update.name": (
        ("", "..", "a/b", "a\x1bb", ".a", "-a", "a b", "é", "a" * 101),
        "is no name of an update; use letters, digits and + - . _, at most 100 and none of the "
        "signs first",
    ),
}
NO_PACKAGE = (
    "is no source package name; use lower case letters, digits and + - . (Debian Policy 5.6.1)"
)


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_value_is_refused_with_its_key_and_the_fix(tmp_path: Path, line: str) -> None:
    changed, _, said = line.partition(" -> ")
    key, given, value = changed.partition(" = ")
    change = put(key, to=tomllib.loads(f"value = {value}")["value"]) if given else take(key)
    spec = PINNED if key.startswith("source.alpha.pinned.") else TWO
    expected = f"backport.toml: {key}{'' if said[0] in '.[' else ': '}{said}"
    if said.startswith("backport.toml: "):
        expected = said
    assert refusal_of(tmp_path, change, spec) == expected


@pytest.mark.parametrize("keys", FORMS)
def test_a_value_without_its_form_is_refused(tmp_path: Path, keys: str) -> None:
    values, said = FORMS[keys]
    for key, value in itertools.product(keys.split(), values):
        assert refusal_of(tmp_path, put(key, to=value), PINNED) == (
            f"backport.toml: {key}: {value!r} {said}"
        )


@pytest.mark.parametrize("name", ["a/b", "..", "a..b", "a", "A1", "a" * 101])
@pytest.mark.parametrize("table", ["source", "retired"])
def test_a_source_with_a_name_that_is_no_package_name_is_refused(
    tmp_path: Path, table: str, name: str
) -> None:
    def change(content: dict[str, Any]) -> None:
        content[table][name] = dict(next(iter(content[table].values())))

    assert refusal_of(tmp_path, change) == f"backport.toml: {table}.{name}: {name!r} {NO_PACKAGE}"
