from __future__ import annotations

import pytest
from debian.changelog import Changelog
from hypothesis import given
from hypothesis import strategies as st

from backport.errors import InputError
from backport.source.changelog import lp_bugs, make_entry, prepend, timestamp

DATE = "Mon, 23 Nov 2026 12:00:00 +0000"
OLD = b"""\
small (1.0-1) unstable; urgency=low

  * An  oddly   spaced item, with \xc3\xa9.


 -- Some One <one@example.org>  Sat, 02 Jan 2016 10:00:00 +0100

Local variables:
mode: debian-changelog
End:
"""


def entry(*items: str, version: str = "1.0-1ubuntu0.16.04.1", **changes: str) -> str:
    fields = {"maintainer": "A Tester <tester@example.org>", "date": DATE, **changes}
    return make_entry(
        package="small", version=version, series="xenial", items=items, bug=12, **fields
    )


def test_an_entry_has_the_series_as_target_and_the_bug() -> None:
    assert entry("Wait for the lock.", "Depend on python-filelock.") == (
        "small (1.0-1ubuntu0.16.04.1) xenial; urgency=medium\n"
        "\n"
        "  * Wait for the lock. (LP: #12)\n"
        "  * Depend on python-filelock.\n"
        "\n"
        " -- A Tester <tester@example.org>  Mon, 23 Nov 2026 12:00:00 +0000\n"
    )


@pytest.mark.parametrize("reference", ["LP: #12", "lp: #3, #12"])
def test_a_bug_that_an_item_refers_to_is_not_added_again(reference: str) -> None:
    assert entry("First.", f"Wait ({reference}).").lower().count("lp:") == 1


def test_a_reference_to_another_bug_is_not_ours() -> None:
    assert lp_bugs(entry("Wait (LP: #123).")) == (123, 12)


words = st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1)


@given(st.lists(st.lists(words, min_size=1, max_size=30), min_size=1, max_size=4))
def test_any_items_stay_whole_within_80_columns_and_name_the_bug(items: list[list[str]]) -> None:
    texts = [" ".join(item) for item in items]
    text = entry(*texts)
    parsed = Changelog(text, strict=True)
    assert (len(parsed), parsed.package, parsed.distributions) == (1, "small", "xenial")
    assert 12 in parsed[0].lp_bugs_closed
    body = " ".join(" ".join(parsed[0].changes()).split())
    for item in texts:
        assert item in body
    for line in text.splitlines():
        assert len(line) <= 80 or len(line.split()[-1]) > 60


def test_a_reference_is_not_broken_at_the_end_of_a_line() -> None:
    text = entry("x" * 65 + " (LP: #1234567)")
    assert "(LP: #1234567)" in text


def test_the_existing_bytes_follow_unchanged() -> None:
    new = entry("Wait.")
    assert prepend(new, OLD) == new.encode() + b"\n" + OLD


def test_a_backport_of_the_newest_version_goes_on_top_of_it() -> None:
    new = entry("Backport.", version="1.0-1~ubuntu16.04.1")
    assert prepend(new, OLD) == new.encode() + b"\n" + OLD


@pytest.mark.parametrize(
    ("existing", "version", "says"),
    [
        (OLD.replace(b"small", b"large", 1), "1.0-2", "the changelog of large, not of small"),
        (OLD, "1.0-1~rc1", r"1\.0-1~rc1 is not higher than .* 1\.0-1$"),
        (OLD, "0.9-1~ubuntu16.04.1", "not higher"),
        (OLD, "1.0-1", "not higher"),
        (b"Nothing of the kind.\n", "1.0-2", "no changelog"),
        (b"", "1.0-2", "no changelog"),
        (b"small (1) x; urgency=low\n\n  * \xff\xfe\n", "1.0-2", "no changelog"),
    ],
)
def test_a_changelog_that_does_not_fit_is_refused(existing: bytes, version: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        prepend(entry("Wait.", version=version), existing)
    assert caught.match(says.removesuffix("$"))


@pytest.mark.parametrize("items", [(), ("",), ("One.", "  ")])
def test_an_empty_item_is_refused(items: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="at least one item"):
        entry(*items)


def test_the_zone_of_a_date_counts() -> None:
    assert timestamp(DATE) == timestamp("Mon, 23 Nov 2026 13:00:00 +0100") == 1795435200
