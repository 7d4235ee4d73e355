"""The errors that end a command, and the exit code of each.

Every message is one sentence for a person: what is wrong, where, and what to do.
"""

from __future__ import annotations


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
