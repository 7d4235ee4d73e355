"""The commands that the parser itself makes: the man page and the shells' completion."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from backport.commands.common import Subparsers
from backport.errors import UsageError

SHELLS = ("bash", "zsh", "tcsh", "fish")
_FILES = ("recipe", "file", "evidence", "out", "keyring", "matrix", "message", "dsc")
_FOLDERS = ("work", "cache")


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    for name, function, text in (
        ("man", man, "print the man page"),
        ("completion", completion, "print what a shell completes command lines with"),
    ):
        sub = subs.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
        )
        sub.set_defaults(function=function, subcommand=sub)
        if name == "completion":
            sub.add_argument("shell", choices=SHELLS, help="the shell")


def man(args: argparse.Namespace) -> int:
    """Print the man page, in roff."""
    print(man_page(args.parser()))
    return 0


def completion(args: argparse.Namespace) -> int:
    """Print a shell's completion."""
    print(completion_of(args.parser(), args.shell))
    return 0


def man_page(parser: argparse.ArgumentParser) -> str:
    """The man page of all commands: man-pages(7), section 1."""
    from argparse_manpage.manpage import Manpage  # noqa: PLC0415

    from backport import __version__  # noqa: PLC0415

    parser.man_short_description = "make, prove and upload an Ubuntu stable release update"  # type: ignore[attr-defined]
    page = Manpage(
        parser,
        format="pretty",
        _data={
            "project_name": "backport",
            "prog": parser.prog,
            "version": __version__,
            "long_description": parser.description,
            "manual_title": "User Commands",
        },
    )
    return str(page).rstrip("\n")


def completion_of(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion of a shell, made from the parser.

    Raises:
        UsageError: the shell is not one of `SHELLS`.
    """
    import shtab  # noqa: PLC0415

    if shell not in SHELLS:
        raise UsageError(f"there is no completion for {shell!r}", advice=f"name one of {SHELLS}")
    from backport.check import rules  # noqa: PLC0415

    def complete(action: argparse.Action) -> None:
        _complete_files(action, shtab.FILE, shtab.DIRECTORY)
        if action.dest == "rule":
            action.choices = tuple(rules.RULES)

    _each(parser, complete)
    return str(shtab.complete(parser, shell=shell)).rstrip("\n")


def _complete_files(action: argparse.Action, file: object, folder: object) -> None:
    if action.dest in _FOLDERS:
        action.complete = folder  # type: ignore[attr-defined]
    elif action.dest in _FILES:
        action.complete = file  # type: ignore[attr-defined]


def _each(parser: argparse.ArgumentParser, function: Callable[[argparse.Action], None]) -> None:
    for action in parser._actions:
        function(action)
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                _each(sub, function)
