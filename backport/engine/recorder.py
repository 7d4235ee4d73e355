"""What a step ran: every program with its arguments and its end.

`process.run` notes each program here while a step records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

_current: ContextVar[Recording | None] = ContextVar("recording", default=None)


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


@dataclass
class Recording:
    """The commands of one step, in the order in which they ended."""

    commands: list[Command] = field(default_factory=list)


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
