"""The command line: argparse, and one thin function per subcommand."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from backport import __version__, commands
from backport.errors import BackportError, UsageError

_PROGRAM = "backport"


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
    _run_commands(subs)
    _recipe_commands(subs)
    _machine_commands(subs)
    return top


# argparse has no public name for it.
Subparsers = argparse._SubParsersAction


def _add(
    subs: Subparsers[argparse.ArgumentParser],
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    sub = subs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    sub.set_defaults(function=function)
    sub.add_argument(
        "--recipe", type=Path, default=Path("backport.toml"), metavar="FILE", help="the recipe"
    )
    sub.add_argument(
        "--work", type=Path, metavar="DIR", help="the work folder (build/ beside the recipe)"
    )
    sub.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "backport",
        help="where downloads are kept",
    )
    sub.add_argument("--json", action="store_true", help="print JSON, one object a line")
    sub.add_argument("--quiet", "-q", action="store_true", help="print only what did not pass")
    return sub


def _select(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--series", action="append", default=[], metavar="NAME", help="only these")
    sub.add_argument("--source", action="append", default=[], metavar="NAME", help="only these")


def _run_commands(subs: Subparsers[argparse.ArgumentParser]) -> None:
    for name, until, text in (
        ("run", "test", "make, build and test the whole update"),
        ("fetch", "fetch", "download what the recipe names, by its hashes"),
        ("source", "source", "make the source packages"),
        ("build", "build", "build the source packages in clean chroots"),
        ("test", "test", "build, and run the autopkgtests in testbeds"),
    ):
        sub = _add(subs, name, commands.run, text)
        sub.set_defaults(until=until)
        _select(sub)
        sub.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
        sub.add_argument("--offline", action="store_true", help="fetch nothing; use the cache")
        if until in ("build", "test"):
            sub.add_argument("--base", default="", metavar="KIND", help="ubuntu or stand-in")
            sub.add_argument("--keep", action="store_true", help="leave failed chroots for shell")
        if until == "test":
            sub.add_argument("--test", action="append", default=[], metavar="NAME")
            sub.add_argument("--long", action="store_true", help="test every series in full")
            sub.add_argument("--strict", action="store_true", help="a skipped test is a failure")


def _recipe_commands(subs: Subparsers[argparse.ArgumentParser]) -> None:
    sub = _add(subs, "plan", commands.plan, "show the versions, their proof, and the steps")
    _select(sub)
    sub.add_argument("--offline", action="store_true", help="ask nobody")
    sub.add_argument("--long", action="store_true", help="with the tests of a long run")
    sub = _add(subs, "pin", commands.pin, "fill the archive's .dsc files into the recipe")
    sub.add_argument("--source", action="append", default=[], metavar="NAME", help="only these")
    sub.add_argument("--update", action="store_true", help="replace pins that are there")
    sub.add_argument("--dry-run", action="store_true", help="show the change only")
    sub = _add(subs, "init", commands.init, "write a first recipe for another source package")
    sub.add_argument("name", metavar="SOURCE", help="the source package")
    sub.add_argument("--series", action="append", required=True, metavar="NAME")
    sub.add_argument("--dsc", type=Path, metavar="FILE", help="its .dsc, as a local file")
    sub.add_argument("--bug", type=int, default=0, metavar="N", help="the Launchpad bug")
    sub.add_argument(
        "--maintainer",
        default="",
        metavar="WHO",
        help='"Name <address>" (DEBFULLNAME and DEBEMAIL without it)',
    )
    sub.add_argument("--offline", action="store_true", help="ask nobody")


def _machine_commands(subs: Subparsers[argparse.ArgumentParser]) -> None:
    _add(subs, "doctor", commands.doctor, "say what this machine lacks, and what installs it")
    sub = _add(subs, "shell", commands.shell, "open a shell in a kept chroot or a testbed")
    sub.add_argument("--series", required=True, metavar="NAME")
    sub.add_argument("--source", required=True, metavar="NAME")
    sub.add_argument("--base", default="", metavar="KIND", help="ubuntu or stand-in")
    sub = _add(subs, "clean", commands.clean, "remove old steps, never the evidence")
    sub.add_argument("--older-than", type=_days, required=True, metavar="DAYS")
    sub.add_argument("--dry-run", action="store_true", help="show what would go")


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days < 1e6:
        raise ValueError
    return days


_days.__name__ = "number of days"  # argparse names it when it refuses a value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Every error that is not a bug is one sentence.

    SIGINT, SIGTERM and SIGHUP end the programs that run and leave nothing half done; the exit
    code is 128 and the signal's number, as shells know it.
    """
    args = parser().parse_args(arguments)
    # Build users and testbeds read what we write.
    os.umask(0o022)
    try:
        with _signals_end():
            if getattr(args, "jobs", 1) < 1:
                raise UsageError(
                    "this is no number of jobs", where="--jobs", advice="give 1 or more"
                )
            return int(args.function(args))
    except BackportError as error:
        print(f"{_PROGRAM}: {error}.", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, EndedError) as error:
        print(f"{_PROGRAM}: interrupted; the next run goes on from here.", file=sys.stderr)
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
