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
    ServiceTest,
    ServiceTests,
    UploadedVersions,
    sent_of,
    service_tests,
)
from tests.support.uploads import upload_record

UPDATE = "1.0-1ubuntu0.16.04.1"
VERSION = f"{UPDATE}~ppa1"
SENT = {("app", "xenial"): UploadedVersions(UPDATE, frozenset({VERSION}))}
STEP = StepId("test", "xenial", "app", test="race")
CONTROL = StepId("test", "xenial", "app", "unpatched", "race-control")
LOST = Failed("test", "it lost")


def row(made: Verdict, arch: str = "amd64", **more: Any) -> dict[str, Any]:
    """A run of two tests, of which one came to that."""
    whole = made if isinstance(made, (Failed, Broken)) else Passed("2 tests")
    address = f"https://autopkgtest.example.org/{arch}"
    return {
        "source": "app", "series": "xenial", "arch": arch, "version": VERSION,
        "request": "https://request.example.org/", "result": address,
        "log_address": f"{address}/log.gz", "trigger": f"app/{VERSION}",
        **verdict.to_json(whole),
        "each": {"race": verdict.to_json(made), "smoke": verdict.to_json(Passed())},
    } | more  # fmt: skip


def control(made: Verdict, version: str = f"{UPDATE}~unpatched1", **more: Any) -> dict[str, Any]:
    """The control of one of them."""
    found = row(made) | {"test": "race", "control": "race-control", "variant": "unpatched"}
    for name in ("each", "request", "verdict", "detail", "stage", "log"):
        found.pop(name, None)
    return found | {"version": version} | verdict.to_json(made) | more


def data(*rows: dict[str, Any], controls: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "format": verdicts.FORMAT, "ppa": "ppa:me/sru", "control_ppa": "",
        "launchpad": "https://lp/", "tests": list(rows), "controls": list(controls),
    }  # fmt: skip


def said_of(*rows: dict[str, Any], controls: tuple[dict[str, Any], ...] = ()) -> ServiceTests:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / verdicts.SUMMARY
        path.parent.mkdir()
        path.write_text(json.dumps(data(*rows, controls=controls)))
        summary = verdicts.read_summary(Path(folder))
    assert summary is not None
    assert summary.to_json() == data(*rows, controls=controls)
    return service_tests(summary, SENT)


def counted(
    *rows: dict[str, Any], controls: tuple[dict[str, Any], ...] = ()
) -> dict[StepId, ServiceTest]:
    return dict(said_of(*rows, controls=controls).tests)


def test_a_result_of_this_source_version_and_series_takes_the_place_of_its_tests_steps() -> None:
    found = counted(row(Passed()))
    assert set(found) == {STEP, replace(STEP, test="smoke")}
    one = found[STEP]
    assert one.verdict == Passed(f"Ubuntu's autopkgtest service, amd64, {VERSION}")
    assert one.origin == "ppa: amd64"
    assert one.told == (
        f"ppa: amd64; version {VERSION}; trigger app/{VERSION}; "
        "log https://autopkgtest.example.org/amd64/log.gz"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": f"{UPDATE}~ppa2"}, "another version"),
        ({"version": UPDATE}, "another version"),
        ({"source": "other"}, "not of this source package"),
        ({"series": "zesty"}, "not of this source package"),
        ({"result": ""}, "no result"),
    ],
)
def test_what_is_said_of_anything_else_counts_for_nothing(
    change: dict[str, str], said: str
) -> None:
    found = said_of(row(LOST, **change))
    assert found.tests == {}
    assert [why_not for _, why_not in found.runs] == [said]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["amd64", "arm64", "i386", "s390x"]),
            st.sampled_from([Passed(), LOST, Broken("no testbed"), Skipped("no IPv6")]),
            st.sampled_from([VERSION, UPDATE, f"{UPDATE}~ppa2"]),
        ),
        unique_by=lambda one: one[0],
    )
)
def test_the_worst_of_the_runs_of_this_version_that_tested_it_decides(
    runs: list[tuple[str, Verdict, str]],
) -> None:
    found = counted(*(row(made, arch, version=version) for arch, made, version in runs)).get(STEP)
    mine = {
        arch: verdict.kind(made)
        for arch, made, version in runs
        if version == VERSION and not isinstance(made, Skipped)
    }
    assert (found is not None) == bool(mine)
    if found is not None:
        kinds = (kind for kind in ("failed", "broken", "passed") if kind in mine.values())
        worst = next(kinds)
        assert verdict.kind(found.verdict) == worst
        assert mine[found.worst.arch] == worst
        assert found.worst.arch in verdict.text(found.verdict)
        assert found.worst.log_address.endswith(f"/{found.worst.arch}/log.gz")
        assert found.origin == f"ppa: {', '.join(mine)}"


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
    found = counted(row(Passed()), controls=(control(Passed("it sees the harm"), version),))
    assert (CONTROL in found) is counts
    if counts:
        assert found[CONTROL].verdict == Passed(
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
    found = sent_of(
        [upload_record("app", VERSION, **({"made_of": "a" * 64} | change))],
        {("app", "xenial"): own},
    )
    assert found == (SENT if known else {})


@pytest.mark.parametrize("more", [{"format": 1}, {"tests": [row(Passed()) | {"verdict": "good"}]}])
def test_a_summary_that_is_damaged_is_an_error_and_not_an_empty_one(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    path = tmp_path / verdicts.SUMMARY
    path.parent.mkdir()
    path.write_text(json.dumps(data() | more))
    with pytest.raises(InputError, match="cannot be read"):
        verdicts.read(tmp_path, {})


def test_without_a_summary_nothing_stands_in_place(tmp_path: Path) -> None:
    assert verdicts.read(tmp_path, {}) == verdicts.ServiceTests()
