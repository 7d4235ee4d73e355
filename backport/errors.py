"""The errors that end a command, and the exit code of each.

Every message is one sentence for a person: what is wrong, where, and what to do.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What parsers raise on data that they were not made for.
UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    RecursionError,
)
# What the system says where a file is not the one that was expected; all else is the machine's.
_NO_FILE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class BackportError(Exception):
    """An error that the user can act on; its text is one sentence.

    Parameters:
        what: what is wrong, as a sentence without its full stop.
        where: the file, key or step that is concerned; may be empty.
        advice: what to do about it; may be empty.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", advice: str = "") -> None:
        self.what = what
        self.where = where
        self.advice = advice
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.advice}" if self.advice else text


class UsageError(BackportError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = 2


class InputError(BackportError):
    """A file that the user gave, or that was fetched, is not what it has to be."""

    exit_code = 3


class RecipeError(InputError):
    """The recipe is wrong; `where` names the file and the key."""


class HashMismatchError(InputError):
    """A file does not have the pinned sha256; both values are in the message."""


class StepError(BackportError):
    """A build, a check or a test failed."""

    exit_code = 4


class MachineError(BackportError):
    """This machine lacks a program, a right or room; the advice names the command that helps."""

    exit_code = 5


class RemoteError(BackportError):
    """A server outside refused, broke off or could not be reached."""

    exit_code = 6


@contextmanager
def reading(
    where: Path | str,
    *,
    what: str = "this file cannot be read",
    advice: str = "mend it",
    kind: type[InputError] = InputError,
) -> Iterator[None]:
    """Guard a reader of data that others made: whatever its parser raises is one sentence.

    Parameters:
        where: the file. what: what is wrong with it; the reason follows.
        advice: what to do about it. kind: the error that is raised.

    Raises:
        InputError: the data is not of its form, or no such file is there.
        MachineError: the system refuses to read it.
    """
    try:
        yield
    except OSError as error:
        sentence = f"{what}: {error.strerror or error}"
        if error.errno in (None, *_NO_FILE):
            raise kind(sentence, where=str(where), advice=advice) from error
        advice = "look at its permissions, and at the disk"
        raise MachineError(sentence, where=str(where), advice=advice) from error
    except UNREADABLE as error:
        raise kind(f"{what}: {_reason(error)}", where=str(where), advice=advice) from error


def _reason(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            line = error.object[: error.start].count(b"\n") + 1
            return f"line {line} is not UTF-8"
        case RecursionError():
            return "it is nested too deeply"
        case KeyError():
            return f"{error.args[0]!r} is missing"
    return " ".join(str(error).split())[:200] or type(error).__name__
