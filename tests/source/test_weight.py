from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from backport.errors import InputError
from backport.recipe.model import ChangelogItem, ControlEdit
from backport.source import weight
from backport.source.files import folder_texts
from backport.source.weight import Part, Weight
from tests.source.packages import (
    ADD_FILELOCK,
    NATIVE,
    PATCH,
    QUILT,
    SPEC,
    TESTS,
    make_own,
    make_update,
    own_packaging,
)
from tests.support.source_builder import build_dsc, make_recipe, patch_text

BEFORE = {"rules": "a\nb\n", "changelog": "old\n", "patches/theirs.patch": "one\n"}


def parts(old: dict[str, str], new: dict[str, str]) -> list[tuple[str, str, int]]:
    return [(file.name, file.part, file.lines) for file in weight.weigh(old, new).files]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("rules", "a\nc\nb\n", ("debian/rules", "packaging", 1)),
        ("rules", "c\nb\n", ("debian/rules", "packaging", 1)),
        ("certbot.timer", "[Timer]\nx\n", ("debian/certbot.timer", "packaging", 2)),
        ("changelog", "new\n\nold\n", ("debian/changelog", "changelog", 2)),
        ("tests/lib/helper.py", "a\n\nb", ("debian/tests/lib/helper.py", "tests", 3)),
        ("patches/series", "a.patch\n", ("debian/patches/series", "packaging", 1)),
        ("patches/theirs.patch", "one\ntwo\n", ("debian/patches/theirs.patch", "patches", 1)),
        ("patches/no.patch", "no diff\n", ("debian/patches/no.patch", "patches", 1)),
    ],
)
def test_inserted_lines_count_for_the_part_of_their_file(
    name: str, text: str, expected: tuple[str, str, int]
) -> None:
    assert parts(BEFORE, BEFORE | {name: text}) == [expected]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("certbot/lock.py", "patches"),
        ("certbot/contest/lock.py", "patches"),
        ("certbot/tests/lock.py", "patch-tests"),
        ("lock/test_lock.py", "patch-tests"),
        ("lock/lock_test.go", "patch-tests"),
    ],
)
def test_tests_inside_a_patch_are_told_from_code_by_their_path(path: str, part: str) -> None:
    patch = patch_text(path, "a\nb\nc\nd\n", "a\nB\nbb\nc\nd\n")
    assert parts({}, {"patches/x.patch": patch}) == [(f"{path} (x.patch)", part, 2)]


def test_above_a_limit_the_three_heaviest_files_are_named() -> None:
    files = tuple(
        Part(name, "tests", lines) for name, lines in zip("abcd", (1, 4, 2, 3), strict=True)
    )
    found = Weight((*files, Part("e", "packaging", 9)))
    assert list(found.over({"tests": 10, "packaging": 9})) == []
    assert list(found.over({"tests": 9, "packaging": 9})) == [
        "tests: 10 lines to read, and the limit is 9; the most: b 4, d 3, c 2"
    ]


def test_a_recipe_weighs_what_its_package_does(tmp_path: Path) -> None:
    dsc = build_dsc(SPEC, tmp_path / "archive")
    recipe, _ = own_packaging(tmp_path, patches=QUILT, tests=TESTS, control=(ADD_FILELOCK,))
    source, series = recipe.sources[0], recipe.one_series("xenial")
    made = make_update(tmp_path, recipe, dsc)

    planned = weight.of_recipe(recipe, source, series)
    built = weight.of_package(made.dsc, dsc)

    assert planned.counts() == {
        "patches": 1, "patch-tests": 0, "packaging": 1, "tests": 4, "changelog": 5
    }  # fmt: skip
    # The pinned package's Maintainer becomes another, and patches/series is a new file.
    same = ("patches", "patch-tests", "tests")
    assert {part: built.lines(part) for part in same} == {
        part: planned.lines(part) for part in same
    }
    names = {file.name for file in built.files if file.part == "packaging"}
    assert names == {"debian/control", "debian/patches/series"}


def test_only_what_holds_in_the_series_is_weighed(tmp_path: Path) -> None:
    edit = ControlEdit("small", "Depends", "r", add=("a", "b"), series=("zesty",))
    overlay = {"overlay/small.docs": "a\n", "overlay.zesty/small.docs": "a\nb\nc\n"}
    recipe, _ = own_packaging(tmp_path, patches=overlay, control=(edit,))
    items = (ChangelogItem("All."), ChangelogItem("Zesty.", ("zesty",)))
    source = dataclasses.replace(recipe.sources[0], changes=items)
    weights = [
        weight.of_recipe(recipe, source, recipe.one_series(name)) for name in ("xenial", "zesty")
    ]
    assert [one.lines("packaging") for one in weights] == [1, 5]
    assert weights[1].lines("changelog") - weights[0].lines("changelog") == 1


def test_our_own_packaging_can_be_what_it_starts_from(tmp_path: Path) -> None:
    recipe, orig = own_packaging(tmp_path, patches=QUILT, tests=TESTS)
    common = tmp_path / "helper"
    common.write_text("a\nb\n")
    (recipe.sources[0].patches / "debian" / "helper").symlink_to(common)
    package = make_own(tmp_path, recipe, orig)
    own = folder_texts(recipe.sources[0].patches / "debian")
    found = weight.of_package(package.dsc, own)
    assert (found.lines("patches"), found.lines("tests")) == (1, 4)
    assert not {"debian/rules", "debian/helper"} & {file.name for file in found.files}


def test_of_a_format_without_quilt_series_the_applied_patches_count(tmp_path: Path) -> None:
    dsc = build_dsc(NATIVE, tmp_path / "archive")
    recipe = make_recipe(tmp_path, NATIVE, patches=QUILT, tests=TESTS)
    made = make_update(tmp_path, recipe, dsc, "1.0ubuntu0.16.04.1")
    found = weight.of_package(made.dsc, dsc, dict.fromkeys(made.applied, PATCH))
    assert (found.lines("patches"), found.lines("tests")) == (1, 4)
    assert "debian/rules" not in {file.name for file in found.files}


def test_a_weight_is_read_as_it_was_written_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / weight.FILE
    weight.write(Weight((Part("light", "tests", 1), Part("heavy", "patches", 7))), path)
    assert weight.read(path) == Weight((Part("heavy", "patches", 7), Part("light", "tests", 1)))
    path.write_text("{}")
    with pytest.raises(
        InputError, match=r"the weight of the review cannot be read.*backport source"
    ):
        weight.read(path)
