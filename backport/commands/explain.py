"""The command that explains what a check found."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from backport.commands import common
from backport.commands.common import Subparsers
from backport.errors import UsageError


def register(subs: Subparsers) -> None:
    """Add the command of this group."""
    sub = common.add(subs, "explain", explain, "say what a rule of the checks means")
    sub.add_argument(
        "rule", nargs="?", default="", metavar="RULE", help="a finding's rule (default: all)"
    )


def explain(args: argparse.Namespace) -> int:
    """Print what a rule means, or the list of all rules."""
    from backport.check import rules  # noqa: PLC0415 - no other command needs it

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
