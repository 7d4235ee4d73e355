"""What a step ran: every program with its arguments, its end, and the package it comes from.

`process.run` notes each program here while a step records; ``commands.jsonl`` in the step's
folder then has one JSON object a line. It is no output: no later step reads it.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "commands.jsonl"

_current: ContextVar[Recording | None] = ContextVar("recording", default=None)
_owners: dict[str, Program] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Command:
    """A program that ran. `env` is what was set beside the toolkit's own environment.

    `started` is in seconds since 1970, `seconds` how long it ran; `stdin` says that it was given
    something to read, which is not kept: it may be a secret.
    """

    args: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdin: bool
    log: str
    started: float
    seconds: float
    exit_code: int
    timed_out: bool


@dataclass(frozen=True)
class Program:
    """A program's path, with the Debian package and version that it comes from ("" unknown)."""

    program: str
    path: str
    package: str
    version: str


@dataclass
class Recording:
    """The commands of one step, in the order in which they ended."""

    commands: list[Command] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write ``commands.jsonl``: first the programs, then the commands."""
        lines: list[object] = [asdict(one) for one in programs(self.commands)]
        lines += [asdict(one) for one in self.commands]
        path.write_text("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines))


@contextmanager
def recording() -> Iterator[Recording]:
    """Note the programs that this context runs; a thread has it by `contextvars.copy_context`."""
    found = Recording()
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)


def note(command: Command) -> None:
    """Note a program that ended; nothing happens where nobody records."""
    found = _current.get()
    if found is not None:
        found.commands.append(command)


def programs(commands: Iterable[Command]) -> tuple[Program, ...]:
    """The programs of the commands, those behind a ``--`` too, each once and sorted."""
    names = set()
    for one in commands:
        words = [one.args[0]]
        words += [
            after for word, after in zip(one.args, one.args[1:], strict=False) if word == "--"
        ]
        names |= {word for word in words if shutil.which(word)}
    with _lock:
        _find_owners(sorted(names - set(_owners)))
        return tuple(_owners[name] for name in sorted(names))


def _find_owners(names: list[str]) -> None:
    from backport import process  # noqa: PLC0415 - process notes its programs here

    paths = {name: str(shutil.which(name)) for name in names}
    # With a merged /usr, dpkg knows some programs below /bin only (and others below /usr only).
    asked = {name: (path, re.sub("^/usr", "", path)) for name, path in paths.items()}
    packages: dict[str, str] = {}
    versions: dict[str, str] = {}
    if names and shutil.which("dpkg-query"):
        every = [path for both in asked.values() for path in dict.fromkeys(both)]
        owners = process.run(["dpkg-query", "--search", *every], env={"LC_ALL": "C"}).output
        for line in owners.splitlines():
            package, found, path = line.partition(": ")
            if found and "," not in package and not package.startswith("diversion "):
                packages[path] = package.partition(":")[0]
        wanted = sorted(set(packages.values()))
        shown = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *wanted]
        if wanted:
            for line in process.run(shown, env={"LC_ALL": "C"}).output.splitlines():
                package, _, version = line.partition(" ")
                versions[package] = version
    for name, path in paths.items():
        owner = next((packages[one] for one in asked[name] if one in packages), "")
        _owners[name] = Program(name, path, owner, versions.get(owner, ""))
