"""The commands that say what the program itself knows: explain, man, completion."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from backport import __version__
from backport.check import rules
from backport.commands.common import Subparsers
from backport.errors import UsageError


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    for name, function, text in (
        ("explain", explain, "say what a rule of the checks means"),
        ("man", man, "print the man page"),
        ("completion", completion, "print the shell completion"),
    ):
        sub = subs.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
        )
        sub.set_defaults(function=function, subcommand=sub)
        if name == "completion":
            sub.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="the shell")
        if name == "explain":
            what = "a finding's rule (default: all)"
            sub.add_argument("rule", nargs="?", default="", metavar="RULE", help=what)
            sub.add_argument("--json", action="store_true", help="print JSON, one object a line")


def explain(args: argparse.Namespace) -> int:
    """Print what a rule means, or the list of all rules."""
    if not args.rule:
        for rule in rules.RULES.values():
            print(json.dumps(asdict(rule)) if args.json else f"{rule.name:26}{rule.title}")
        return 0
    if args.rule not in rules.RULES:
        raise UsageError(
            f"there is no rule {args.rule!r}",
            where="explain",
            advice="see all of them with: backport explain; a tag of lintian's: "
            "lintian-explain-tags TAG",
        )
    rule = rules.RULES[args.rule]
    print(json.dumps(asdict(rule)) if args.json else rules.explain(args.rule))
    return 0


def man(args: argparse.Namespace) -> int:
    """Print the man page of all commands: man-pages(7), section 1."""
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
    parser = args.parser()
    for action in _actions(parser):
        if action.type is Path:
            kind = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE
            action.complete = kind  # type: ignore[attr-defined]
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
