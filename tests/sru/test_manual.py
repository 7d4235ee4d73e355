from __future__ import annotations

import argparse
import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest

from backport import cli
from backport.commands import manual


def commands() -> dict[str, argparse.ArgumentParser]:
    (subs,) = (
        action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(subs.choices)


def options(sub: argparse.ArgumentParser) -> Iterator[str]:
    for action in sub._actions:
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction):
            yield from action.option_strings


def printed(*words: str) -> str:
    with redirect_stdout(io.StringIO()) as out:
        assert cli.main(words) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def page() -> str:
    """The man page as man(1) lays it out, without its breaks of lines."""
    roff = printed("man")
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-rLL=300n", "-P-c", "-P-b", "-P-u", "-ww"],
        input=roff, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stderr == ""
    return shown.stdout.replace("\u2010", "-").replace("\u2212", "-")


def test_the_man_page_has_every_command_and_every_option(page: str) -> None:
    parts = {}
    for name in commands():
        title = f"COMMAND 'backport {name}'"
        assert title in page, name
        parts[name] = page.partition(title)[2].partition("COMMAND 'backport ")[0]
    for name, sub in commands().items():
        missing = [option for option in options(sub) if option not in parts[name]]
        assert missing == [], name


def test_the_man_page_has_the_exit_codes(page: str) -> None:
    assert "Exit codes: 0 all that was asked for passed" in " ".join(page.split())


def test_the_completion_is_good_bash_and_has_every_command_and_option() -> None:
    text = printed("completion", "bash")
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    assert f"_shtab_backport_subparsers=({' '.join(commands())})" in text
    for name, sub in commands().items():
        prefix = f"_shtab_backport_{name.replace('-', '_')}_option_strings=("
        (line,) = (one for one in text.splitlines() if one.startswith(prefix))
        words = line.partition("(")[2].rstrip(")").split()
        missing = [option for option in options(sub) if option not in words]
        assert missing == [], name


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
def test_bash_completes(words: list[str], found: list[str]) -> None:
    script = f"""
{printed("completion", "bash")}
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
def test_each_shell_has_its_completion(shell: str) -> None:
    assert "evidence" in printed("completion", shell)
