"""Every line of the commands' help says what an option does, and what holds without it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from backport import cli
from study import __main__ as study


def options() -> Iterator[tuple[str, argparse.Action]]:
    for top in (cli.parser(), study.parser()):
        (commands,) = (
            action for action in top._actions if isinstance(action, argparse._SubParsersAction)
        )
        for name, command in commands.choices.items():
            for action in command._actions:
                yield f"{top.prog} {name} {'/'.join(action.option_strings) or action.dest}", action


@pytest.mark.parametrize(
    ("place", "action"), [pytest.param(*option, id=option[0]) for option in options()]
)
def test_an_option_says_what_it_does_and_its_default(place: str, action: argparse.Action) -> None:
    said = (action.help or "").replace("%(default)s", str(action.default))
    assert len(said.split()) > 1, place
    assert said[-1] != "."
    takes_a_value = action.nargs != 0
    optional = not action.required and action.nargs != "*"  # a list is not required in Python 3.13
    assert ("(default: " in said) == (takes_a_value and optional)
