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
    (found,) = [section.body for section in sections(text) if section.heading == heading]
    return found


def test_an_empty_description_gets_the_four_sections() -> None:
    assert headings(merged("", TEXT)) == [
        "Impact",
        "Test Plan",
        "Where problems could occur",
        "Other Info",
    ]


def test_what_was_there_without_sections_follows_below_a_heading_of_its_own() -> None:
    result = merged("The first report.\n\nSecond paragraph.", TEXT)
    assert headings(result)[-1] == "Original Description"
    assert body(result, "Original Description") == "The first report.\n\nSecond paragraph."


def test_former_headings_get_their_section_and_todays_name() -> None:
    result = merged(OLD, TEXT)
    assert headings(result) == [
        "",
        "Impact",
        "Major Changes",
        "Test Plan",
        "Where problems could occur",
        "Other Info",
    ]
    assert body(result, "Test Plan") == TEXT.test_plan
    assert "Try it." not in result


def test_sections_of_others_and_the_text_before_them_stay_word_for_word() -> None:
    result = merged(OLD, TEXT)
    assert result.startswith("It is old.\n\n")
    assert "[Major Changes]\n\n * many" in result


def test_a_section_that_says_the_same_keeps_its_own_lines() -> None:
    own = "[Impact]\n\n\nRenewals fail.  \r\n\n[Test Plan]\nother"
    assert merged(own, TEXT).startswith("[Impact]\n\n\nRenewals fail.\n\n")


def test_a_missing_section_goes_below_the_one_that_comes_before_it() -> None:
    result = merged("[Impact]\nx\n\n[Other Info]\ny\n\n[Changelog]\nz", TEXT)
    assert headings(result) == [
        "Impact",
        "Test Plan",
        "Where problems could occur",
        "Other Info",
        "Changelog",
    ]


def test_a_section_that_the_recipe_leaves_empty_is_not_touched() -> None:
    result = merged("[Impact]\nx\n\n[Other Info]\nkeep me", BugText("a", "b", "c"))
    assert body(result, "Other Info") == "keep me"


@pytest.mark.parametrize(
    "line", ["see [1]", "[link](address)", "[]", "a [Impact]", "[Impact] of it"]
)
def test_brackets_within_a_line_begin_no_section(line: str) -> None:
    assert headings(f"[Impact]\n{line}") == ["Impact"]


def test_the_names_of_headings_ignore_case_and_blanks() -> None:
    assert name("TEST   case") == "Test Plan"
    assert name("Scope") == "Scope"


LINES = st.sampled_from(
    [
        "",
        "text",
        "  indented",
        "[Impact]",
        "[ Test Plan ]",
        "[Test Case]",
        "[Regression Potential]",
        "[Other Info]",
        "[Major Changes]",
        "trailing  ",
        "\r",
        "[1]",
        "where problems could occur",
    ]
)


@given(st.lists(LINES, max_size=14).map("\n".join))
def test_setting_the_sections_twice_changes_nothing(description: str) -> None:
    once = merged(description, TEXT)
    assert merged(once, TEXT) == once == tidy(once)


@given(st.lists(LINES, max_size=14).map("\n".join))
def test_each_section_is_there_as_wanted(description: str) -> None:
    found = sections(merged(description, TEXT))
    for heading, wanted in (("Impact", TEXT.impact), ("Test Plan", TEXT.test_plan)):
        assert wanted in [one.body for one in found if name(one.heading) == heading]
