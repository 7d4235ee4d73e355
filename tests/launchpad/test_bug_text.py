from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.launchpad.bug.description import merged, name, sections, tidy
from backport.recipe.bug import BugText

TEXT = BugText("Renewals fail.", "1. Renew twice.", "A lock that is never released.", "Nothing.")
OLD = """It is old.

[Impact]
Much.

[Major Changes]

 * many

[Test Case]
Try it.

[Regression Potential]
Some.
"""


def headings(text: str) -> list[str]:
    return [section.heading for section in sections(text)]


def body(text: str, heading: str) -> str:
    (own,) = [section.body for section in sections(text) if section.heading == heading]
    return own


FOUR = ["Impact", "Test Plan", "Where problems could occur", "Other Info"]


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("", FOUR),
        ("The first report.\n\nSecond paragraph.", [*FOUR, "Original Description"]),
        (OLD, ["", "Impact", "Major Changes", "Test Plan", *FOUR[2:]]),
        ("[Impact]\nx\n\n[Other Info]\ny\n\n[Changelog]\nz", [*FOUR, "Changelog"]),
        ("[Changelog]\nz\n[Impact]\nx", ["Changelog", *FOUR]),
    ],
    ids=["empty", "no sections", "former names", "missing ones", "others before"],
)
def test_each_section_has_its_place_and_todays_name(description: str, expected: list[str]) -> None:
    assert headings(merged(description, TEXT)) == expected


def test_what_is_not_ours_stays_word_for_word() -> None:
    result = merged("The first report.\n\nSecond paragraph.", TEXT)
    assert body(result, "Original Description") == "The first report.\n\nSecond paragraph."
    result = merged(OLD, TEXT)
    assert body(result, "Test Plan") == TEXT.test_plan
    assert result.startswith("It is old.\n\n")
    assert "[Major Changes]\n\n * many" in result
    own = "[Impact]\n\n\nRenewals fail.  \r\n\n[Test Plan]\nother"
    assert merged(own, TEXT).startswith("[Impact]\n\n\nRenewals fail.\n\n")
    result = merged("[Impact]\nx\n\n[Other Info]\nkeep me", BugText("a", "b", "c"))
    assert body(result, "Other Info") == "keep me"


@pytest.mark.parametrize(
    "line", ["see [1]", "[link](address)", "[]", "a [Impact]", "[Impact] of it"]
)
def test_brackets_within_a_line_begin_no_section(line: str) -> None:
    assert headings(f"[Impact]\n{line}") == ["Impact"]


LINES = st.sampled_from([
    "", "text", "  indented", "[Impact]", "[ Test Plan ]", "[Test Case]", "[TEST   case]",
    "[Regression Potential]", "[Other Info]", "[Major Changes]", "trailing  ", "\r", "[1]",
])  # fmt: skip


@given(st.lists(LINES, max_size=14).map("\n".join))
def test_each_section_is_there_as_wanted_and_setting_it_twice_changes_nothing(
    description: str,
) -> None:
    once = merged(description, TEXT)
    assert merged(once, TEXT) == once == tidy(once)
    for heading, wanted in (("Impact", TEXT.impact), ("Test Plan", TEXT.test_plan)):
        assert wanted in [one.body for one in sections(once) if name(one.heading) == heading]
