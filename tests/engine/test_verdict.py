from __future__ import annotations

import json

import pytest

from backport.engine import records, verdict
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict


@pytest.mark.parametrize(
    ("one", "kind", "text"),
    [
        (Passed("586 tests"), "passed", "586 tests"),
        (Failed("build", "make ended with 2", "build.log"), "failed", "build: make ended with 2"),
        (Skipped("no such test here"), "skipped", "no such test here"),
        (Broken("the testbed did not start", "log"), "broken", "the testbed did not start"),
    ],
)
def test_each_verdict_has_its_name_and_reason_and_is_read_back_as_it_was(
    one: Verdict, kind: str, text: str
) -> None:
    assert (verdict.kind(one), verdict.text(one)) == (kind, text)
    assert records.decode(Verdict, json.loads(json.dumps(one, default=records.encode))) == one
