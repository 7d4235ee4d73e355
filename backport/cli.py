"""The command line: its parser, and how it ends."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from backport import __version__
from backport.commands import (
    bugs,
    common,
    debdiffs,
    evidence,
    explain,
    machine,
    manual,
    publish,
    recipes,
    running,
    runs,
    verification,
    waiting,
)
from backport.errors import BackportError, UsageError

_PROGRAM = "backport"
_GROUPS = (
    running,
    runs,
    explain,
    recipes,
    debdiffs,
    evidence,
    verification,
    publish,
    waiting,
    bugs,
    machine,
    manual,
)


class EndedError(BaseException):
    """A signal asks this program to end; not an Exception, as KeyboardInterrupt is none."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Make, build and test an Ubuntu stable release update of several sources "
        "over several series, from one recipe.",
        epilog="Exit codes: 0 all that was asked for passed; 1 a bug of this program; 2 usage; "
        "3 bad recipe or input; 4 a build, check or test failed; 5 the machine lacks something; "
        "6 a server outside refused or could not be reached.",
    )
    top.add_argument("--version", action="version", version=f"{_PROGRAM} {__version__}")
    subs = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in _GROUPS:
        group.register(subs)
    top.set_defaults(parser=parser)
    return top


def _refuse(subcommand: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """End with a 2, and name the option that the first unknown argument comes nearest to."""
    word = unknown[0].partition("=")[0]
    options = re.findall(r"--[a-z-]+", subcommand.format_help())
    longer = [one for one in options if word.startswith("--") and one.startswith(word)]
    near = longer or difflib.get_close_matches(word, options, n=1)
    advice = f"; write {' or '.join(dict.fromkeys(near))}" if near else ""
    subcommand.error(f"unrecognized arguments: {' '.join(unknown)}{advice}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    return run(parser(), arguments)


def run(top: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Run one command of a program; returns its exit code.

    Every error that is not a bug is one sentence.

    SIGINT, SIGTERM and SIGHUP end the programs that run and leave nothing half done; the exit
    code is 128 and the signal's number, as shells know it.
    """
    args, unknown = top.parse_known_args(arguments)
    if unknown:
        _refuse(args.subcommand, unknown)
    # Build users and testbeds read what we write.
    os.umask(0o022)
    try:
        with _signals_end():
            if getattr(args, "jobs", 1) < 1:
                raise UsageError(
                    "this is no number of jobs", where="--jobs", advice="give 1 or more"
                )
            if getattr(args, "looks_above", False):
                args.recipe = common.recipe_file(args.recipe)
            return int(args.function(args))
    except BackportError as error:
        print(f"{top.prog}: {error}.", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, EndedError) as error:
        print(f"{top.prog}: interrupted; the next run goes on from here.", file=sys.stderr)
        return error.exit_code if isinstance(error, EndedError) else 130
    except BrokenPipeError:
        # Whoever read our output has left. What is still buffered goes nowhere, or Python would
        # fail once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


@contextmanager
def _signals_end() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into `EndedError`; what nohup(1) ignores stays ignored."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise EndedError(number)

    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) == signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
