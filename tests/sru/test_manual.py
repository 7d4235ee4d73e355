from __future__ import annotations

import argparse
import os
import subprocess

import pytest

from backport import cli
from backport.commands import manual


def commands() -> dict[str, argparse.ArgumentParser]:
    (subs,) = (
        action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(subs.choices)


def options(sub: argparse.ArgumentParser) -> list[str]:
    return [
        option
        for action in sub._actions
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)
        for option in action.option_strings
    ]


def test_the_man_page_has_every_command_and_option_and_the_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["man"]) == 0
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-rLL=300n", "-P-c", "-P-b", "-P-u", "-ww"],
        input=capsys.readouterr().out, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stderr == ""
    page = shown.stdout.replace("\u2010", "-").replace("\u2212", "-")
    for name, sub in commands().items():
        _, title, rest = page.partition(f"COMMAND 'backport {name}'")
        assert title, name
        part = rest.partition("COMMAND 'backport ")[0]
        assert [option for option in options(sub) if option not in part] == [], name
    assert "Exit codes: 0 all that was asked for passed" in " ".join(page.split())


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["backport", "evi"], ["evidence"]),
        (["backport", "verify", "--po"], ["--post"]),
        (["backport", "evidence", "ch"], ["check"]),
        (["backport", "completion", "z"], ["zsh"]),
        (["backport", "explain", "new-s"], ["new-source"]),
    ],
)
def test_bash_completes(
    words: list[str], found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", "bash"]) == 0
    script = f"""
{capsys.readouterr().out}
COMP_WORDS=({" ".join(words)})
COMP_CWORD={len(words) - 1}
_shtab_backport
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc"], input=script, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stdout.split() == found


@pytest.mark.parametrize("shell", manual.SHELLS)
def test_the_completion_of_each_shell_has_every_command(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", shell]) == 0
    shown = capsys.readouterr().out
    assert [name for name in commands() if name not in shown] == []
