"""The study's two commands, which read the recipe and the work folder of `backport`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from backport import cli
from backport.errors import MachineError


def parser() -> argparse.ArgumentParser:
    """The parser of the command line.

    Raises:
        ModuleNotFoundError: a package of study/requirements.txt is not installed.
    """
    from study import campaign_command, risk_command  # noqa: PLC0415 - see above

    top = argparse.ArgumentParser(
        prog="study", description="The risk study of bug 1640978: see study/README.md."
    )
    subs = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (risk_command, campaign_command):
        command.register(subs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, as `backport` has them."""
    try:
        top = parser()
    except ModuleNotFoundError as error:
        advice = "run: .venv/bin/pip install -r study/requirements.txt"
        print(f"study: {error}; {advice}", file=sys.stderr)
        return MachineError.exit_code
    return cli.run(top, arguments)


if __name__ == "__main__":
    sys.exit(main())
