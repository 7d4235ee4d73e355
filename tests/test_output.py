from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport import cli, output
from tests.support.recipes import Spec, data, write

ATTACK = "\x1b]0;owned\x07\x1b[2J\r\x9b1m\u202e\x7f\b"


def commands_in(text: str) -> list[str]:
    """The characters of a text that a terminal would obey."""
    return [one for one in text if one not in "\n\t" and not one.isprintable() and one != "\xa0"]


@given(st.text())
def test_nothing_that_is_printed_commands_a_terminal(text: str) -> None:
    shown = output.printable(text)
    assert not set(shown) & {chr(n) for n in (*range(9), *range(11, 32), *range(127, 160))}
    shown.encode()  # no half of a character is left
    assert output.printable(shown) == shown


def test_an_error_a_result_and_the_parsers_own_words_are_filtered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = data(Spec())
    content["update"]["maintainer"] = ATTACK
    recipe = write(tmp_path / ATTACK.replace("\b", ""), Spec(), content)
    assert cli.main(["plan", "--recipe", str(recipe), "--offline"]) == 3
    with pytest.raises(SystemExit):
        cli.main(["plan", ATTACK])
    captured = capsys.readouterr()
    assert "\\x1b]0;owned\\x07" in captured.err
    assert commands_in(captured.err + captured.out) == []


def test_the_filter_leaves_no_trace_behind(capsys: pytest.CaptureFixture[str]) -> None:
    before = (sys.stdout, sys.stderr)
    with output.filtered():
        print(ATTACK)
        print(ATTACK, file=sys.stderr)
        assert output.terminal(sys.stdout) is before[0]
    assert (sys.stdout, sys.stderr) == before
    captured = capsys.readouterr()
    assert commands_in(captured.out + captured.err) == []
