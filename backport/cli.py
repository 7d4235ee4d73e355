"""The command line: its parser, and how it ends."""

from __future__ import annotations

import argparse
import ctypes
import difflib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import NoReturn

from backport import __version__, output, user_folders
from backport.commands import common
from backport.engine import owner, system_errors
from backport.errors import BackportError, MachineError, UsageError

_PROGRAM = "backport"
# The commands of each module; only the module of the one that is given is loaded.
_GROUPS = {
    "running": ("run", "fetch", "source", "build", "check", "test"),
    "runs": ("log", "time", "debdiff"),
    "recipes": ("plan", "pin", "init"),
    "evidence": ("evidence",),
    "verification": ("verify", "report"),
    "publish": ("upload",),
    "waiting": ("wait",),
    "bugs": ("bug", "sponsor"),
    "machine": ("doctor", "shell", "clean"),
    "manual": ("explain", "man", "completion"),
}


class EndedError(BaseException):
    """A signal asks this program to end; not an Exception, as KeyboardInterrupt is none."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


# Of mallopt(3). glibc gives each thread an arena of its own, and hardly ever gives memory back.
_ARENA_MAX = -8


def parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of the whole command line, or only of the group that a command is in."""
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
    for name in [name for name, known in _GROUPS.items() if command in known] or _GROUPS:
        import_module(f"backport.commands.{name}").register(subs)
    top.set_defaults(parser=parser)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    return run(parser(*given[:1]), given)


def run(top: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Run one command of a program; returns its exit code.

    Every error that is not a bug is one sentence.

    SIGINT, SIGTERM and SIGHUP end the programs that run and leave nothing half done; the exit
    code is 128 and the signal's number, as shells know it.
    """
    if not _can_write(top.prog):
        return MachineError.exit_code
    with suppress(AttributeError):  # a C library other than glibc
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)
    with output.filtered():
        return _run(top, arguments)


def _run(top: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    try:
        with _signals_end(), system_errors.refusals("the output"):
            try:
                return _call(top, arguments)
            finally:
                sys.stdout.flush()
    except BackportError as error:
        with suppress(OSError):
            print(f"{top.prog}: {error}.", file=sys.stderr, flush=True)
        _drop_output()
        return error.exit_code
    except (KeyboardInterrupt, EndedError) as error:
        print(f"{top.prog}: interrupted; the next run goes on from here.", file=sys.stderr)
        return error.exit_code if isinstance(error, EndedError) else 130
    except BrokenPipeError:
        _drop_output()  # whoever read our output has left
        return 141


def _call(top: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    args, unknown = top.parse_known_args(arguments)
    if unknown:
        _refuse(args.subcommand, unknown)
    if getattr(args, "jobs", 1) < 1:
        raise UsageError("this is no number of jobs", where="--jobs", advice="give 1 or more")
    if getattr(args, "looks_above", False):
        args.recipe = common.recipe_file(args.recipe)
    if getattr(args, "cache", ...) is None:
        args.cache = user_folders.own("XDG_CACHE_HOME", ".cache")
    with owner.temporary_files():
        return int(args.function(args))


def _refuse(subcommand: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """End with a 2, and name the option that the first unknown argument is short for or near to."""
    word = unknown[0].partition("=")[0]
    options = [*subcommand._option_string_actions]
    near = [option for option in options if word[2:] and option.startswith(word)]
    near = near or difflib.get_close_matches(word, options, n=1)
    advice = f"; write {' or '.join(near)}" if near else ""
    subcommand.error(f"unrecognized arguments: {' '.join(unknown)}{advice}")


def _can_write(program: str) -> bool:
    """Whether there is an output; one that cannot encode a character prints a replacement."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    closed = sys.stdout is None
    for number in range(3):  # what a program opens next would take the place of a closed one
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    if closed:
        print(f"{program}: the output is closed; run it without >&-.", file=sys.stderr)
    return not closed


def _drop_output() -> None:
    """Write what cannot be written elsewhere to nowhere, or Python fails once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _signals_end() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into `EndedError`; what nohup(1) ignores stays ignored."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise EndedError(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    ended = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in ended:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ended:
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
