"""What the program says of itself: help, man page, completion, and the rules of its checks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from backport import cli
from backport.check import rules


def commands(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (subs,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    return dict(subs.choices)


def options(top: argparse.ArgumentParser) -> Iterator[Any]:
    for name, command in commands(top).items():
        for action in command._actions:
            place = f"{top.prog} {name} {'/'.join(action.option_strings) or action.dest}"
            yield pytest.param(place, action, id=place)


@pytest.mark.parametrize(("place", "action"), [*options(cli.parser())])
def test_an_option_says_what_it_does_and_its_default(place: str, action: argparse.Action) -> None:
    text = (action.help or "").replace("%(default)s", str(action.default))
    assert len(text.split()) > 1, place
    assert text[-1] != "."
    takes_a_value = action.nargs != 0
    optional = not action.required and action.nargs != "*"  # a list is not required in Python 3.13
    assert ("(default: " in text) == (takes_a_value and optional)


def test_a_command_loads_its_own_group_and_a_run_nothing_that_it_may_not_need() -> None:
    for name in commands(cli.parser()):
        assert name in (group := commands(cli.parser(name)))
        assert len(group) <= 6
    program = "import sys; from backport import cli; cli.parser('run'); print(*sys.modules)"
    words = [sys.executable, "-c", program]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert "backport.engine.execute" in loaded
    slow = {"rich", "jinja2", "tomlkit", "urllib3", "httplib2", "debian._deb822_repro"}
    assert {*loaded} & {*slow, "backport.run.actions", "backport.sru.collect"} == set()


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints that passes."""
    assert cli.main(words) == 0
    return capsys.readouterr().out


def test_the_man_page_has_every_command_and_option_and_the_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-rLL=300n", "-P-c", "-P-b", "-P-u", "-ww"],
        input=told(capsys, "man"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stderr == ""
    page = shown.stdout.replace("\u2010", "-").replace("\u2212", "-")
    for name, sub in commands(cli.parser()).items():
        _, title, rest = page.partition(f"COMMAND 'backport {name}'")
        assert title, name
        part = rest.partition("COMMAND 'backport ")[0]
        own = (one for one in sub._actions if not isinstance(one, argparse._HelpAction))
        names = [option for action in own for option in action.option_strings]
        assert [option for option in names if option not in part] == [], name
    assert "Exit codes: 0 all that was asked for passed" in " ".join(page.split())


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["backport", "evi"], ["evidence"]),
        (["backport", "verify", "--po"], ["--post"]),
        (["backport", "evidence", "ch"], ["check"]),
        (["backport", "completion", "z"], ["zsh"]),
        (["backport", "explain", "new-s"], ["new-source"]),
    ],
)
def test_bash_completes(
    words: list[str], completed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    script = f"""
{told(capsys, "completion", "bash")}
COMP_WORDS=({" ".join(words)})
COMP_CWORD={len(words) - 1}
_shtab_backport
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc"], input=script, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stdout.split() == completed


def test_explain_prints_what_a_rule_means_and_without_one_lists_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told(capsys, "explain", "new-source") == rules.explain("new-source") + "\n"
    lines = told(capsys, "explain").splitlines()
    assert [line.split()[0] for line in lines] == list(rules.RULES)
    data = json.loads(told(capsys, "explain", "new-source", "--json"))
    assert data["reference"] == rules.RULES["new-source"].reference
    assert cli.main(["explain", "zzz"]) == 2
    assert "see all of them with: backport explain" in capsys.readouterr().err
