from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autopkgtest.support import library

barrier: Any = library("barrier")
harm: Any = library("harm")
lineage: Any = library("lineage")
race: Any = library("renewal_race")

DUE = race.Case("due", "standalone", "own")
FORCED = race.Case("forced", "webroot", "own")
PORT = (
    "Attempting to renew cert from /c/renewal/x.conf produced an unexpected error: "
    "At least one of the required ports is already taken.. Skipping.\n"
)
REFUSED = (
    "Failed authorization procedure. www.example.org (http-01): urn:acme:error:connection :: "
    "Could not fetch http://www.example.org:80/.well-known/x: [Errno 111] Connection refused\n"
)


def result(code: int = 0, out: str = "", err: str = "", late: bool = False) -> Any:
    return barrier.Result(["certbot", "-q", "renew"], code, out, err, 1.5, late)


def observation(case: Any = DUE, count: int = 4, **changes: Any) -> Any:
    """What is seen when all is well, with changes."""
    new = 1 if case.reason == "due" else count
    whole = {
        "case": case,
        "results": [result()] * count,
        "before": [1],
        "after": list(range(1, new + 2)),
        "issued": new,
        "together": 1,
        "lineage": [],
        "account_changed": [],
        "ca_alive": True,
    }
    return race.Observation(**{**whole, **changes})


def finding_kinds(seen: Any) -> set[str]:
    return {finding.kind for finding in race.judge(seen)}


@given(st.sampled_from(race.CASES), st.integers(2, 20))
def test_a_race_that_went_well_has_no_findings(case: Any, count: int) -> None:
    assert race.judge(observation(case, count)) == []


LINEAGE = lineage.Finding("mismatch", "/c", "They do not match.")


@pytest.mark.parametrize("case", [DUE, FORCED])
@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"results": [result(), result(1)]}, "exit"),
        ({"results": [result(), result(-9)]}, "exit"),
        ({"results": [result(), result(-9, late=True)]}, "time-limit"),
        ({"results": [result(), result(out="text")]}, "stdout"),
        ({"results": [result(), result(err="\n")]}, "stderr"),
        ({"after": [1]}, "versions"),
        ({"after": [1, 2, 3, 4, 5, 6]}, "versions"),
        ({"after": [1, 3]}, "versions"),
        ({"after": [1, 2, 3, 4, 6]}, "versions"),
        ({"issued": 0}, "issued"),
        ({"issued": 5}, "issued"),
        ({"together": 2}, "together"),
        ({"lineage": [LINEAGE]}, "lineage"),
        ({"account_changed": ["/c/accounts/regr.json"]}, "account"),
        ({"ca_alive": False}, "ca"),
    ],
)
def test_each_thing_that_goes_wrong_is_a_finding(
    case: Any, changes: dict[str, Any], kind: str
) -> None:
    assert kind in finding_kinds(observation(case, **changes))


def test_due_wants_one_new_version_and_forced_one_for_each_process() -> None:
    assert finding_kinds(observation(DUE, 3, after=[1, 2, 3, 4], issued=3)) == {
        "versions",
        "issued",
    }
    assert finding_kinds(observation(FORCED, 3, after=[1, 2], issued=1)) == {"versions", "issued"}


def log(resources: list[str], status: int = 201) -> list[dict[str, Any]]:
    return [{"event": "request", "resource": resource, "status": status} for resource in resources]


def test_renewals_one_after_the_other_are_never_together() -> None:
    assert race.most_together(log(["new-authz", "new-cert"] * 5)) == 1
    assert race.most_together([]) == 0
    assert race.most_together(log(["new-authz"] * 3, status=403)) == 0


def test_renewals_that_overlap_are_counted() -> None:
    assert race.most_together(log(["new-authz", "new-authz", "new-cert", "new-cert"])) == 2
    assert race.most_together(log(["new-authz", "new-cert", "new-authz", "new-authz"])) == 2


@pytest.mark.parametrize(
    ("changes", "outcome", "harms"),
    [
        ({}, "not-seen", []),
        ({"results": [result(), result(1, err=PORT)]}, "harm-seen", ["port-taken"]),
        ({"results": [result(1, err="[Errno 17] File exists")]}, "harm-seen", ["file-exists"]),
        ({"lineage": [LINEAGE]}, "harm-seen", ["lineage"]),
        ({"after": [1, 2, 3], "issued": 2}, "harm-seen", ["renewed-twice"]),
        # Overlap is a fault of the order, and not yet harm.
        ({"together": 4}, "not-seen", []),
        # Another kind of error is no control.
        ({"results": [result(1, err="[Errno 111] Connection refused")]}, "broken", []),
        ({"results": [result(1, err="VersionConflict: acme")]}, "broken", []),
        ({"results": [result(2, err="usage: \n certbot")]}, "broken", []),
        ({"results": [result(1, err="something that nobody knows")]}, "broken", []),
        ({"results": [result(1)]}, "broken", []),
        ({"results": [result(-9, late=True)]}, "broken", []),
        ({"ca_alive": False}, "broken", []),
        # The CA is there; another process's server is in the way of the challenge.
        ({"results": [result(1, err=REFUSED)]}, "harm-seen", ["challenge-gone"]),
        # Harm beside a broken scene proves nothing; beside the unknown it does.
        (
            {"results": [result(1, err=PORT), result(1, err="MemoryError")]},
            "broken",
            ["port-taken"],
        ),
        (
            {"results": [result(1, err=PORT), result(1, err="unknown")]},
            "harm-seen",
            ["port-taken"],
        ),
        (
            {"results": [result(1, err=PORT)], "ca_alive": False},
            "broken",
            ["port-taken"],
        ),
    ],
)
def test_harm_is_told_from_other_errors(
    changes: dict[str, Any], outcome: str, harms: list[str]
) -> None:
    seen = observation(DUE, **changes)

    found = harm.classify(seen, race.judge(seen))

    assert (found["outcome"], found["harm"]) == (outcome, harms)


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


def test_a_changed_account_file_has_another_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "regr.json").write_text("{}")
    before = race.fingerprints(str(tmp_path))
    (tmp_path / "regr.json").write_text("[]")

    assert before.keys() == race.fingerprints(str(tmp_path)).keys()
    assert before != race.fingerprints(str(tmp_path))
