"""The judge of races, with inputs that break each finding, and what the control takes for harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autopkgtest.support import library, race, result

harm: Any = library("harm")
renewals: Any = library("renewals")

PORT = (
    "Attempting to renew cert from /c/renewal/x.conf produced an unexpected error: "
    "At least one of the required ports is already taken.. Skipping.\n"
)
REFUSED = (
    "Failed authorization procedure. www.example.org (http-01): urn:acme:error:unauthorized :: "
    "No right answer to the challenge\n"
)


def finding_kinds(seen: Any) -> set[str]:
    return {finding.kind for finding in renewals.judge(seen)}


@given(st.sampled_from(["due", "forced"]), st.integers(2, 20))
def test_a_race_that_went_well_has_no_findings(reason: str, count: int) -> None:
    assert renewals.judge(race(reason, count)) == []


LINEAGE = renewals.Finding("mismatch", "They do not match.")


@pytest.mark.parametrize("reason", ["due", "forced"])
@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"results": [result(), result(1)]}, "exit"),
        ({"results": [result(), result(-9)]}, "exit"),
        ({"results": [result(), result(-9, late=True)]}, "time-limit"),
        ({"results": [result(), result(out="text")]}, "output"),
        ({"results": [result(), result(err="\n")]}, "output"),
        ({"after": [1]}, "versions"),
        ({"after": [1, 2, 3, 4, 5, 6]}, "versions"),
        ({"after": [1, 3]}, "versions"),
        ({"after": [1, 2, 3, 4, 6]}, "versions"),
        ({"issued": 0}, "issued"),
        ({"issued": 5}, "issued"),
        ({"lineage": [LINEAGE]}, "lineage"),
    ],
)
def test_each_thing_that_goes_wrong_is_a_finding(
    reason: str, changes: dict[str, Any], kind: str
) -> None:
    assert kind in finding_kinds(race(reason, **changes))


def test_due_wants_one_new_version_and_forced_one_for_each_process() -> None:
    for seen in (
        race("due", 3, after=[1, 2, 3, 4], issued=3),
        race("forced", 3, after=[1, 2], issued=1),
    ):
        assert finding_kinds(seen) == {"versions", "issued"}


@pytest.mark.parametrize(
    ("changes", "outcome", "harms"),
    [
        ({}, "not-seen", []),
        ({"results": [result(), result(1, err=PORT)]}, "harm-seen", ["port-taken"]),
        ({"results": [result(1, err="[Errno 17] File exists")]}, "harm-seen", ["file-exists"]),
        ({"lineage": [LINEAGE]}, "harm-seen", ["lineage"]),
        ({"after": [1, 2, 3], "issued": 2}, "harm-seen", ["renewed-twice"]),
        # Another kind of error is no control.
        ({"results": [result(1, err="[Errno 111] Connection refused")]}, "broken", []),
        ({"results": [result(1, err="VersionConflict: acme")]}, "broken", []),
        ({"results": [result(2, err="usage: \n certbot")]}, "broken", []),
        ({"results": [result(1, err="something that nobody knows")]}, "broken", []),
        ({"results": [result(1)]}, "broken", []),
        ({"results": [result(-9, late=True)]}, "broken", []),
        # Another process's server is in the way of the challenge.
        ({"results": [result(1, err=REFUSED)]}, "harm-seen", ["challenge-gone"]),
        # Harm beside a broken scene proves nothing; beside the unknown it does.
        (
            {"results": [result(1, err=PORT), result(1, err="MemoryError")]},
            "broken",
            ["port-taken"],
        ),
        ({"results": [result(1, err=PORT), result(1, err="unknown")]}, "harm-seen", ["port-taken"]),
    ],
)
def test_harm_is_told_from_other_errors(
    changes: dict[str, Any], outcome: str, harms: list[str]
) -> None:
    seen = race(**changes)

    classified = harm.classify(seen, renewals.judge(seen))

    assert (classified["outcome"], classified["harm"]) == (outcome, harms)


@pytest.mark.parametrize(
    ("outcomes", "outcome"),
    [
        (["harm-seen", "harm-seen"], "harm-seen"),
        (["harm-seen", "not-seen"], "not-seen"),
        (["harm-seen", "broken", "not-seen"], "broken"),
        ([], "broken"),
    ],
)
def test_the_control_works_only_when_every_case_showed_harm(
    outcomes: list[str], outcome: str
) -> None:
    assert harm.overall(outcomes) == outcome


def test_rounds_without_harm_take_more_processes_and_the_first_are_those_of_the_test() -> None:
    rounds = [harm.processes_in_round(4, number) for number in range(12)]

    assert rounds == [4, 4, 4, 8, 8, 8, 16, 16, 16, 20, 20, 20]
    assert harm.processes_in_round(20, 19) == 20
