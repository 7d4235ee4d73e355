"""What the subcommands share: options, the work folder, the selection, how to talk."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from backport.engine import schedule
from backport.engine.events import Note
from backport.engine.store import Store
from backport.errors import BackportError, RecipeError, UsageError
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.run import ui
from backport.run.plan import Selection
from backport.sru import bundle, run_record

# argparse has no public name for it, and it takes no parameter when the program runs.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
RECIPE = "backport.toml"
# What the service has for current series; unconfirmed for older ones.
ARCHITECTURES = ("amd64", "arm64", "armhf", "i386", "ppc64el", "s390x")
# For `value`: an option that may be given several times.
SEVERAL: dict[str, Any] = {"action": "append", "default": []}


def value(
    sub: argparse.ArgumentParser, option: str, text: str, without: str = "%(default)s", **more: Any
) -> None:
    """Add an option that takes a value; its help says what holds without it.

    Parameters:
        text: what it does. without: the default, in words. more: see `add_argument`.
    """
    text += "; repeatable" if more.get("action") == "append" else ""
    sub.add_argument(option, help=f"{text} (default: {without})", **more)


def add(
    subs: Subparsers,
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
    *,
    recipe: tuple[str, str] = ("read this recipe", f"{RECIPE} here, or in a folder above"),
    told: bool = True,
) -> argparse.ArgumentParser:
    """Add a subcommand with the options that all of them have.

    Parameters:
        name: the word on the command line.
        function: carries it out, and returns the exit code.
        text: what it does, in a few words that begin with a verb.
        recipe: what --recipe does, and its default.
        told: whether it prints JSON, or less, when it is asked to.
    """
    sub = subs.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
    )
    sub.set_defaults(function=function, subcommand=sub, looks_above=True)
    value(sub, "--recipe", *recipe, type=Path, default=Path(RECIPE), metavar="FILE")
    text, without = "keep results in this folder", "build/ beside the recipe"
    value(sub, "--work", text, without, type=Path, metavar="DIR")
    text, without = "keep downloads in this folder", "$XDG_CACHE_HOME/backport or ~/.cache/backport"
    value(sub, "--cache", text, without, type=Path, metavar="DIR")
    text = "let the recipe's paths lead to this folder too"
    value(sub, "--outside", text, "only the recipe's own", **SEVERAL, type=Path, metavar="DIR")
    if told:
        sub.add_argument("--json", action="store_true", help="print JSON, one object a line")
        sub.add_argument("--quiet", "-q", action="store_true", help="print only what did not pass")
    return sub


def select(sub: argparse.ArgumentParser) -> None:
    """Add the options that select series and source packages."""
    value(sub, "--series", "only this series", "all", **SEVERAL, metavar="NAME")
    select_sources(sub)


def select_sources(sub: argparse.ArgumentParser) -> None:
    """Add the option that selects source packages."""
    value(sub, "--source", "only this source package", "all", **SEVERAL, metavar="NAME")


def add_offline(sub: argparse.ArgumentParser) -> None:
    """Add the option with which no server is asked."""
    sub.add_argument("--offline", action="store_true", help="use cached data only")


def add_jobs(sub: argparse.ArgumentParser) -> None:
    """Add the option that limits how many steps run at once."""
    cores, text = "two more than the cores, here %(default)s", "run so many steps at once"
    value(sub, "--jobs", text, cores, type=int, default=schedule.default_jobs(), metavar="N")


def add_matrix(sub: argparse.ArgumentParser) -> None:
    """Add the option that names more rows of the test matrix."""
    text = "take rows of the test matrix from this file too"
    value(sub, "--matrix", text, "none", **SEVERAL, type=Path, metavar="FILE")


def add_service(sub: argparse.ArgumentParser) -> None:
    """Add the options of Ubuntu's autopkgtest service."""
    text = "run the tests in testbeds here, or on Ubuntu's autopkgtest service"
    value(sub, "--on", text, choices=("local", "ppa"), default="local")
    text = "with --on ppa, only this architecture"
    value(sub, "--arch", text, "all of the PPA", **SEVERAL, choices=ARCHITECTURES)
    text = "with --on ppa, run the negative controls on packages of this throw-away PPA"
    value(sub, "--control-ppa", text, "no controls", default="", metavar="OWNER/NAME")


def recipe_file(path: Path) -> Path:
    """The recipe at `path`; without one of the usual name here, the nearest in a folder above."""
    if path != Path(RECIPE) or path.is_file():
        return path
    above = (folder / RECIPE for folder in Path.cwd().parents)
    return next((file for file in above if file.is_file()), path)


def work_folder(args: argparse.Namespace, recipe: Recipe) -> Path:
    """The work folder: the one that was given, else `build` beside the recipe."""
    folder = args.work or recipe.root / "build"
    return Path(folder).resolve()


def how(args: argparse.Namespace) -> str:
    """How to show what happens: json, quiet, table or lines."""
    if args.json:
        return "json"
    if args.quiet:
        return "quiet"
    return "table" if sys.stdout.isatty() else "lines"


def selection(args: argparse.Namespace, recipe: Recipe) -> Selection:
    """What the options select.

    Raises:
        UsageError: the recipe has no such series, source or test.
    """
    tests = tuple(getattr(args, "test", ()))
    for option, names, known in (
        ("series", args.series, [series.name for series in recipe.series]),
        ("source", args.source, [source.name for source in recipe.sources]),
        ("test", tests, [row.name for row in recipe.matrix]),
    ):
        for name in [names] if isinstance(names, str) else names:
            if name not in known:
                raise UsageError(
                    f"the recipe has no {option} {name!r}",
                    where=f"--{option}",
                    advice=f"name one of {', '.join(dict.fromkeys(known))}",
                )
    return Selection(
        tuple(args.series),
        tuple(args.source),
        tests,
        getattr(args, "until", "test"),
        getattr(args, "long", False),
    )


def bug_number(recipe: Recipe) -> int:
    """The bug that the update refers to.

    Raises:
        RecipeError: it is not filed yet.
    """
    if recipe.bug <= 0:
        raise RecipeError(
            "the recipe names no bug",
            where=f"{recipe.path.name}: update.bug",
            advice="write the Launchpad bug's number",
        )
    return recipe.bug


def pairs(args: argparse.Namespace, recipe: Recipe) -> list[tuple[str, str]]:
    """The sources and series that the options select, by series."""
    chosen = selection(args, recipe)
    return [
        (source.name, series.name)
        for series in recipe.series
        for source in recipe.sources
        if series.name in source.series
        and series.name in (chosen.series or (series.name,))
        and source.name in (chosen.sources or (source.name,))
    ]


def as_made(args: argparse.Namespace, recipe: Recipe) -> Recipe:
    """The recipe with the versions that the last run has made; as it is where nothing was run."""
    work = work_folder(args, recipe)
    if not (work / run_record.FILE).is_file():
        return recipe
    return versions.as_made(recipe, run_record.read(work).versions)


def tell(args: argparse.Namespace, data: Mapping[str, object], text: str) -> None:
    """Print an event: with --json its data, else its text, and with --quiet nothing."""
    if args.json:
        print(json.dumps(data, default=str), flush=True)
    elif not args.quiet:
        print(text, flush=True)


def note(text: str, args: argparse.Namespace) -> None:
    """Tell what a person has to know before the run begins."""
    if args.json:
        print(json.dumps(ui.event_json(Note(text))), flush=True)
    elif not args.quiet:
        print(ui.event_line(Note(text)), file=sys.stderr)


def require_somebody(option: str, advice: str) -> None:
    """Refuse to ask where stdin is no terminal.

    Parameters:
        option: what a question is asked for. advice: what to say instead.

    Raises:
        UsageError: it is none.
    """
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", where=option, advice=advice)


def agreed(question: str) -> bool:
    """Ask on the terminal; stdout may be a file."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def remake_evidence(args: argparse.Namespace, store: Store) -> None:
    """Make the last run's evidence again, with what Launchpad has said since.

    Says where it is, or on stderr why there is none; that does not undo what the command has
    found out. Where nothing was run yet there is nothing to make.
    """
    if not (store.work / run_record.FILE).is_file():
        return
    try:
        with store.locked():
            record = run_record.read(store.work)
            made = bundle.make(record.recipe(args.recipe, args.outside), store, record, args.cache)
    except BackportError as error:
        print(f"no evidence: {error}", file=sys.stderr)
        return
    data = {"event": "evidence", "archive": made.archive, "sha256": made.sha256}
    tell(args, data, f"Evidence: {made.archive}")
