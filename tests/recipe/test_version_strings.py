from __future__ import annotations

import itertools
import re
import subprocess

import pytest
from debian.debian_support import Version
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backport.recipe.version_strings import next_version, stem

RELEASES = ("20.04", "22.04", "24.04", "24.10")

# What stable series have: Debian's versions, rebuilds, Ubuntu's deltas, earlier updates.
_UPSTREAM = st.sampled_from(["1.0", "2.1~rc1", "1:7.0+dfsg", "3.0+really2.9", "0~20240101"])
_DEBIAN = st.sampled_from(["", "-0", "-1", "-2.1", "-3+deb12u1"])
_SMALL = st.integers(0, 9)
_UBUNTU = st.sampled_from(["", "build1", "build12", "maysync1"]) | st.builds(
    lambda x, rest: f"ubuntu{x}{rest}",
    st.integers(0, 15),
    st.just("") | st.builds(lambda y: f".{y}", _SMALL) | st.just("build2"),
)
START = st.builds(lambda u, d, x: f"{u}{d}{x}", _UPSTREAM, _DEBIAN, _UBUNTU)


# The page's own table, and the cases that follow from its rules.
@pytest.mark.parametrize(
    ("start", "several", "expected"),
    [
        ("2.0-2", False, "2.0-2ubuntu0.1"),
        ("2.0-2ubuntu0.1", False, "2.0-2ubuntu0.2"),
        ("2.0-2ubuntu2", False, "2.0-2ubuntu2.1"),
        ("2.0-2ubuntu9.9", False, "2.0-2ubuntu9.10"),
        ("2.0-2build1", False, "2.0-2ubuntu0.1"),
        ("2.0-2ubuntu2build1", False, "2.0-2ubuntu2.1"),
        ("2.0-1maysync1", False, "2.0-1ubuntu0.1"),
        ("2.0-1willsync1", False, "2.0-1willsync1ubuntu0.1"),
        ("2.0-2", True, "2.0-2ubuntu0.24.04.1"),
        ("2.0-2build1", True, "2.0-2ubuntu0.24.04.1"),
        ("1.0-1ubuntu2", True, "1.0-1ubuntu2.24.04.1"),
        ("1.0-1ubuntu2.3", True, "1.0-1ubuntu2.24.04.1"),
        ("1.0-1ubuntu0.24.04.1", False, "1.0-1ubuntu0.24.04.2"),
        ("1.0-1ubuntu0.24.04.9", True, "1.0-1ubuntu0.24.04.10"),
        ("2.0", False, "2.0ubuntu0.1"),
        ("2.0ubuntu", False, "2.0ubuntu0.1"),
        ("2ubuntu1", False, "2ubuntu1.1"),
        ("2.0ubuntu.build1", False, "2.0ubuntu.build1.1"),
        ("2.66+ubuntu24.04", False, "2.66+ubuntu24.04.1"),
        ("2.66+ubuntu24.04.1", False, "2.66+ubuntu24.04.2"),
        ("7.91+dfsg1+really7.80+dfsg1-1", False, "7.91+dfsg1+really7.80+dfsg1-1ubuntu0.1"),
        ("3.1-2~ubuntu24.04.1", False, "3.1-2~ubuntu24.04.2"),
        ("1.0-1ubuntu0.1+esm1", False, "1.0-1ubuntu0.1+esm1.1"),
        ("1.0-1ubuntu1.30", True, "1.0-1ubuntu1.30.24.04.1"),
    ],
)
def test_a_delta_has_the_version_of_the_page(start: str, several: bool, expected: str) -> None:
    version, _ = next_version(start, "24.04", delta=True, several=several)
    assert version == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("3.1-1ubuntu2", "3.1-1ubuntu2~22.04.1"),
        ("3.1ubuntu", "3.1ubuntu~22.04.1"),
        ("3.1-2", "3.1-2~ubuntu22.04.1"),
        ("3.1", "3.1~ubuntu22.04.1"),
        ("3.1-2~ubuntu22.04.1", "3.1-2~ubuntu22.04.2"),
        ("3.1-1ubuntu2~22.04.9", "3.1-1ubuntu2~22.04.10"),
        ("3.1-2~ubuntu24.04.1", "3.1-2~ubuntu22.04.1"),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_backport_without_a_delta_sorts_below_what_it_is_of(
    start: str, several: bool, expected: str
) -> None:
    version, _ = next_version(start, "22.04", delta=False, several=several)
    assert version == expected


@pytest.mark.parametrize(
    ("start", "delta", "seen", "expected"),
    [
        ("1.0-1", True, ["1.0-1ubuntu0.1"], "1.0-1ubuntu0.2"),
        ("1.0-1", True, ["1.0-1ubuntu0.24.04.1"], "1.0-1ubuntu0.24.04.2"),
        ("1.0-1", True, ["1.0-1ubuntu0.2", "1.0-1ubuntu0.1"], "1.0-1ubuntu0.3"),
        ("1.0-1", True, ["1.0-1ubuntu0.1.1"], "1.0-1ubuntu0.2"),
        ("1.0-1", True, ["0.9-1ubuntu0.7", "1.0-1ubuntu10.4"], "1.0-1ubuntu0.1"),
        ("1.0-1", False, ["1.0-1~ubuntu24.04.2"], "1.0-1~ubuntu24.04.3"),
        ("1.0-1ubuntu2", False, ["1.0-1ubuntu2~ubuntu24.04.1"], "1.0-1ubuntu2~ubuntu24.04.2"),
    ],
)
def test_the_number_is_the_highest_seen_in_that_form_and_one(
    start: str, delta: bool, seen: list[str], expected: str
) -> None:
    version, rule = next_version(start, "24.04", delta=delta, several=False, seen=seen)
    assert version == expected
    assert ("counted on" in rule) is not version.endswith(".1")


def test_a_number_that_is_given_takes_the_place_of_the_next_one() -> None:
    seen = ["1.0-1ubuntu0.1", "1.0-1ubuntu0.2"]
    version, rule = next_version("1.0-1", "24.04", delta=True, several=False, seen=seen, number=7)
    assert (version, "given" in rule) == ("1.0-1ubuntu0.7", True)


def x_of(version: str) -> str:
    """The X of ubuntuX, "0" where there is none; that of an almost-native package is a series."""
    found = re.search(r"ubuntu([0-9]+)", version)
    return found[1] if found else "0"


@given(START, st.sampled_from(RELEASES), st.booleans(), st.integers(1, 12))
def test_every_round_of_a_delta_sorts_above_the_start_and_all_before_and_keeps_x(
    start: str, release: str, several: bool, rounds: int
) -> None:
    seen = [start]
    for _ in range(rounds):
        version, _ = next_version(start, release, delta=True, several=several, seen=seen)
        assert all(Version(version) > Version(one) for one in seen)
        assert x_of(version) == x_of(start)
        seen.append(version)


@given(START, st.lists(st.integers(0, 5), min_size=4, max_size=4))
def test_one_start_in_several_series_ascends_with_them_in_any_round(
    start: str, rounds: list[int]
) -> None:
    for delta in (False, True):
        newest = []
        for release, number in zip(RELEASES, rounds, strict=True):
            seen = [start] if delta else []
            for _ in range(number + 1):
                made, _ = next_version(start, release, delta=delta, several=True, seen=seen)
                assert all(Version(made) > Version(one) for one in seen)
                seen.append(made)
            newest.append(seen[-1])
        assert all(Version(low) < Version(high) for low, high in itertools.pairwise(newest))
        assert all((Version(one) > Version(start)) is delta for one in newest)


@settings(max_examples=60)
@given(START, st.sampled_from(RELEASES), st.booleans(), st.booleans())
def test_each_version_is_one_for_dpkg(start: str, release: str, delta: bool, several: bool) -> None:
    version, _ = next_version(start, release, delta=delta, several=several)
    command = ["dpkg", "--validate-version", "--", version]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@given(START, START, st.integers(0, 3))
def test_starts_that_differ_by_series_keep_their_order(one: str, other: str, rounds: int) -> None:
    # 2.0ubuntu0.1, of a native package, is above every 2.0-N: there the proof has to refuse.
    assume(("-" in one) == ("-" in other))
    lower, higher = sorted((one, other), key=Version)
    several = stem(lower) == stem(higher)
    made = []
    for start, release in zip((lower, higher), ("22.04", "24.04"), strict=True):
        seen = [start]
        for _ in range(rounds + 1):
            seen.append(next_version(start, release, delta=True, several=several, seen=seen)[0])
        made.append(seen[-1])
    assert Version(made[0]) < Version(made[1])
