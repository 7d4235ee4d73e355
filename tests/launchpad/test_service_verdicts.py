"""Which of the service's verdicts stand in place of local ones."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.engine import verdict
from backport.engine.step import StepId
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import InputError
from backport.launchpad.autopkgtest import verdicts
from backport.launchpad.autopkgtest.verdicts import (
    ServiceRun,
    ServiceSummary,
    ServiceTest,
    ServiceTests,
    sent_of,
    service_tests,
)
from tests.support.uploads import upload_record

UPDATE = "1.0-1ubuntu0.16.04.1"
VERSION = f"{UPDATE}~ppa1"
SENT = {("app", "xenial"): frozenset({VERSION})}
STEP = StepId("test", "xenial", "app", test="race")
CONTROL = StepId("test", "xenial", "app", "unpatched", "race-control")
LOST = Failed("test", "it lost")


def row(made: Verdict, arch: str = "amd64", **more: Any) -> ServiceRun:
    """A run of two tests, of which one came to that."""
    whole = made if isinstance(made, (Failed, Broken)) else Passed("2 tests")
    address = f"https://autopkgtest.example.org/{arch}"
    run = ServiceRun("app", "xenial", arch, VERSION, whole, address, f"{address}/log.gz")
    each = {"race": made, "smoke": Passed()}
    return replace(run, trigger=f"app/{VERSION}", each=each, **more)


def control(version: str) -> ServiceRun:
    """The control of one of them, which has seen the harm."""
    control = {"test": "race", "control": "race-control", "variant": "unpatched"}
    harm = Passed("it sees the harm")
    return replace(row(Passed()), each={}, version=version, verdict=harm, **control)


def kept(*rows: ServiceRun, controls: tuple[ServiceRun, ...] = ()) -> ServiceTests:
    """What counts, by a summary that was written and read."""
    summary = ServiceSummary("ppa:me/sru", "", "https://lp/", rows, controls)
    with tempfile.TemporaryDirectory() as folder:
        summary.write(Path(folder))
        assert verdicts.read_summary(Path(folder)) == summary
    return service_tests(summary, SENT)


def counted(*rows: ServiceRun, controls: tuple[ServiceRun, ...] = ()) -> dict[StepId, ServiceTest]:
    return dict(kept(*rows, controls=controls).tests)


def test_a_result_of_this_source_version_and_series_takes_the_place_of_its_tests_steps() -> None:
    tests = counted(row(Passed()))
    assert set(tests) == {STEP, replace(STEP, test="smoke")}
    test = tests[STEP]
    assert test.verdict == Passed(f"Ubuntu's autopkgtest service, amd64, {VERSION}")
    assert test.origin == "ppa: amd64"
    assert test.told == (
        f"ppa: amd64; version {VERSION}; trigger app/{VERSION}; "
        "log https://autopkgtest.example.org/amd64/log.gz"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": f"{UPDATE}~ppa2"}, "another version"),
        ({"version": UPDATE}, "another version"),
        ({"source": "other"}, "not of this source package"),
        ({"series": "zesty"}, "not of this source package"),
        ({"result": ""}, "no result"),
    ],
)
def test_what_is_said_of_anything_else_counts_for_nothing(
    change: dict[str, str], message: str
) -> None:
    result = kept(row(LOST, **change))
    assert result.tests == {}
    assert [why_not for _, why_not in result.runs] == [message]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Passed(), LOST, Broken("no testbed"), Skipped("no IPv6")]),
            st.sampled_from([VERSION, UPDATE]),
        ),
        max_size=4,
    )
)
def test_the_worst_of_the_runs_of_this_version_that_tested_it_decides(
    runs: list[tuple[Verdict, str]],
) -> None:
    rows = (row(made, f"a{n}", version=version) for n, (made, version) in enumerate(runs))
    test = counted(*rows).get(STEP)
    kinds = [verdict.kind(made) if version == VERSION else "" for made, version in runs]
    worst = next((kind for kind in ("failed", "broken", "passed") if kind in kinds), "")
    assert (verdict.kind(test.verdict) if test else "") == worst
    if test:
        assert kinds[int(test.worst.arch[1:])] == worst
        assert test.worst.arch in verdict.text(test.verdict)


@pytest.mark.parametrize(
    ("version", "counts"),
    [
        (f"{UPDATE}~unpatched1", True),
        (f"{UPDATE}~ppa3~unpatched2", True),
        ("1.0-1ubuntu0.16.04.2~unpatched1", False),
        (f"{UPDATE}~unpatched1~x", False),
        (f"{UPDATE}~other1", False),
        (VERSION, False),
    ],
)
def test_a_control_counts_only_with_the_variant_of_this_very_version(
    version: str, counts: bool
) -> None:
    tests = counted(row(Passed()), controls=(control(version),))
    assert (CONTROL in tests) is counts
    if counts:
        assert tests[CONTROL].verdict == Passed(
            f"it sees the harm (Ubuntu's autopkgtest service, amd64, {version})"
        )


@pytest.mark.parametrize(
    ("change", "own", "known"),
    [
        ({}, "a" * 64, True),
        ({}, "b" * 64, False),
        ({"made_of": ""}, "a" * 64, False),
        ({"made_of": ""}, "", False),
        ({"state": "rejected"}, "a" * 64, False),
        ({"state": "sent"}, "a" * 64, True),
    ],
)
def test_an_upload_is_this_source_package_only_if_it_was_made_of_the_very_dsc(
    change: dict[str, str], own: str, known: bool
) -> None:
    sent = sent_of(
        [upload_record("app", VERSION, **({"made_of": "a" * 64} | change))],
        {("app", "xenial"): own},
    )
    assert sent == (SENT if known else {})


@pytest.mark.parametrize("more", [{"format": 1}, {"tests": [{"verdict": "good"}]}])
def test_a_summary_that_is_damaged_is_an_error_and_not_an_empty_one(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    assert verdicts.read(tmp_path, {}) == verdicts.ServiceTests(), "nothing stands in place"
    path = ServiceSummary("", "", "", (), ()).write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    with pytest.raises(InputError, match="cannot be read"):
        verdicts.read(tmp_path, {})
