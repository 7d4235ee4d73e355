"""The commands that the parser itself makes: the man page and the shells' completion."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from backport.commands.common import Subparsers

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
    """Print the man page of all commands: man-pages(7), section 1."""
    from argparse_manpage.manpage import Manpage  # noqa: PLC0415

    from backport import __version__  # noqa: PLC0415

    parser = args.parser()
    parser.man_short_description = "make, prove and upload an Ubuntu stable release update"
    data = {
        "project_name": "backport",
        "prog": parser.prog,
        "version": __version__,
        "long_description": parser.description,
        "manual_title": "User Commands",
    }
    print(str(Manpage(parser, format="pretty", _data=data)).rstrip("\n"))
    return 0


def completion(args: argparse.Namespace) -> int:
    """Print a shell's completion, made from the parser."""
    import shtab  # noqa: PLC0415

    from backport.check import rules  # noqa: PLC0415

    parser = args.parser()
    for action in _actions(parser):
        if action.dest in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.dest == "rule":
            action.choices = tuple(rules.RULES)
    print(str(shtab.complete(parser, shell=args.shell)).rstrip("\n"))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from _actions(sub)
