"""The programs that a step ran, with the packages that they come from, in the step's folder.

``commands.jsonl`` has one JSON object a line. It is no output: no later step reads it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from backport.engine.process import Command, run

FILE = "commands.jsonl"


@dataclass(frozen=True)
class Program:
    """A program's path, with the Debian package and version that it comes from ("" unknown)."""

    program: str
    path: str
    package: str
    version: str


_owners: dict[str, Program] = {}


def write(commands: Sequence[Command], path: Path) -> None:
    """Write ``commands.jsonl``: first the programs, then the commands."""
    lines: list[object] = [asdict(program) for program in programs(commands)]
    lines += [asdict(command) for command in commands]
    path.write_text("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines))


def programs(commands: Iterable[Command]) -> tuple[Program, ...]:
    """The programs of the commands, those behind a ``--`` too, each once and sorted."""
    names = set()
    for command in commands:
        behind = [after for word, after in pairwise(command.args) if word == "--"]
        names |= {word for word in (command.args[0], *behind) if shutil.which(word)}
    _find_owners(sorted(names - set(_owners)))
    return tuple(_owners[name] for name in sorted(names))


def _find_owners(names: list[str]) -> None:
    # With a merged /usr, dpkg knows some programs below /bin only (and others below /usr only).
    paths = {name: str(shutil.which(name)) for name in names}
    asked = sorted({*paths.values(), *(re.sub("^/usr", "", path) for path in paths.values())})
    packages: dict[str, str] = {}
    for line in _dpkg_query("--search", asked):
        package, _, path = line.partition(": ")
        if path and "," not in package and not package.startswith("diversion "):
            packages[re.sub("^/usr", "", path)] = package.partition(":")[0]
    shown = _dpkg_query("--show", sorted(set(packages.values())))
    versions = dict(line.split("\t", 1) for line in shown if "\t" in line)
    for name, path in paths.items():
        owner = packages.get(re.sub("^/usr", "", path), "")
        _owners[name] = Program(name, path, owner, versions.get(owner, ""))


def _dpkg_query(command: str, words: list[str]) -> list[str]:
    if not words or not shutil.which("dpkg-query"):
        return []
    return run(["dpkg-query", command, *words], env={"LC_ALL": "C"}).output.splitlines()
