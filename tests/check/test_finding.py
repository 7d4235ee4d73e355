from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.check import finding, rules
from backport.check.finding import SEVERITIES, Finding
from backport.errors import InputError

TEXT = st.text(max_size=12)
FINDINGS = st.builds(
    Finding,
    st.sampled_from(sorted(rules.RULES)),
    st.sampled_from(SEVERITIES),
    TEXT,
    st.sampled_from(["why", "because", "so"]),
    TEXT,
    TEXT,
    st.booleans(),
)


@given(st.lists(FINDINGS))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, findings: list[Finding]
) -> None:
    path = tmp_path_factory.mktemp("findings") / finding.FILE
    finding.write(findings, path)
    assert finding.read(path) == tuple(findings)


@given(st.lists(FINDINGS), st.lists(FINDINGS))
def test_what_the_pinned_package_has_as_often_is_not_new(
    findings: list[Finding], pinned: list[Finding]
) -> None:
    marked = finding.mark_new(findings, pinned)
    assert [dataclasses.replace(one, new=True) for one in marked] == [
        dataclasses.replace(one, new=True) for one in findings
    ]
    for key in {(one.rule, one.why) for one in findings}:
        mine = [one for one in marked if (one.rule, one.why) == key]
        had = sum((one.rule, one.why) == key for one in pinned)
        assert sum(one.new for one in mine) == max(0, len(mine) - had)


def test_the_counts_leave_out_what_is_not_new() -> None:
    one = finding.make("new-source", "error", "here", "so", "do")
    known = dataclasses.replace(one, new=False)
    note = finding.make("new-source", "info", "here", "so", "do")
    assert finding.counts_text([one, known, note]) == "1 error, 1 note"
    assert finding.counts_text([known]) == "no findings"


GOOD = dataclasses.asdict(finding.make("new-source", "error", "here", "so", "do"))


@pytest.mark.parametrize("fault", [{"rule": "no-such-rule"}, {"severity": "fatal"}])
def test_a_file_that_is_no_findings_is_refused(tmp_path: Path, fault: dict[str, str]) -> None:
    path = tmp_path / finding.FILE
    path.write_text(json.dumps([{**GOOD, **fault}]))
    with pytest.raises(InputError, match=r"findings\.json: the findings cannot be read"):
        finding.read(path)
