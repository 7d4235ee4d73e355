from __future__ import annotations

import json

import pytest

from backport import cli
from backport.check import rules


def test_explain_prints_what_a_rule_means_and_without_one_lists_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["explain", "new-source"]) == 0
    assert capsys.readouterr().out == rules.explain("new-source") + "\n"
    assert cli.main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(rules.RULES)
    assert cli.main(["explain", "new-source", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["reference"] == rules.RULES["new-source"].reference


def test_an_unknown_rule_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "zzz"]) == 2
    assert "see all of them with: backport explain" in capsys.readouterr().err
