from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.engine import verdict
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict

VERDICTS = st.one_of(
    st.builds(Passed, st.text()),
    st.builds(Failed, st.text(), st.text(), st.text()),
    st.builds(Skipped, st.text()),
    st.builds(Broken, st.text(), st.text()),
)


@given(VERDICTS)
def test_a_verdict_is_read_back_from_its_json_as_it_was(one: Verdict) -> None:
    assert verdict.from_json(json.loads(json.dumps(verdict.to_json(one)))) == one


@pytest.mark.parametrize(
    ("one", "kind", "text"),
    [
        (Passed("586 tests"), "passed", "586 tests"),
        (Failed("build", "make ended with 2", "build.log"), "failed", "build: make ended with 2"),
        (Skipped("no such test here"), "skipped", "no such test here"),
        (Broken("the testbed did not start"), "broken", "the testbed did not start"),
    ],
)
def test_each_verdict_has_its_name_and_its_reason(one: Verdict, kind: str, text: str) -> None:
    assert (verdict.kind(one), verdict.text(one)) == (kind, text)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"verdict": "fine"},
        {"verdict": "skipped"},
        {"verdict": "passed", "detail": "", "reason": "none of a pass"},
    ],
)
def test_json_of_no_verdict_is_refused(data: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        verdict.from_json(data)
