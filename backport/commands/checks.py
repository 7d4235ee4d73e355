"""The commands about checks: check, and explain."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from backport.commands import common, running
from backport.commands.common import Subparsers
from backport.errors import UsageError


def register(subs: Subparsers) -> None:
    """Add the commands of this group."""
    sub = common.add(subs, "check", running.run, "build, and look for what is wrong")
    sub.set_defaults(until="check")
    common.select(sub)
    common.add_jobs(sub)
    sub.add_argument("--offline", action="store_true", help="fetch nothing; use the cache")
    sub.add_argument("--base", default="", metavar="KIND", help="ubuntu or stand-in")
    sub.add_argument("--keep", action="store_true", help="leave failed chroots for shell")
    sub.add_argument("--long", action="store_true", help="build all twice, upgrade from all")
    sub = common.add(subs, "explain", explain, "say what a rule of the checks means")
    sub.add_argument(
        "rule", nargs="?", default="", metavar="RULE", help="a finding's rule; without it, all"
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
            advice=_advice(args.rule, list(rules.RULES)),
        )
    rule = rules.RULES[args.rule]
    print(json.dumps(asdict(rule)) if args.json else rules.explain(args.rule))
    return 0


def _advice(name: str, known: list[str]) -> str:
    import difflib  # noqa: PLC0415 - only where nothing was found

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}"
    return "see all of them with: backport explain; a tag of lintian's: lintian-explain-tags TAG"
