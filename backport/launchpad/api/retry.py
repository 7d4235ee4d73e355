"""How long Launchpad is waited for, and the errors when it gives no usable answer."""

from __future__ import annotations

import os
from dataclasses import dataclass

from backport.errors import RemoteError, UsageError

POLL_VARIABLE = "BACKPORT_POLL_SECONDS"


def poll_seconds(usual: float) -> float:
    """The seconds between two looks at Launchpad: those of the environment, else the `usual`.

    Raises:
        UsageError: the environment names no such time.
    """
    text = os.environ.get(POLL_VARIABLE, "")
    if not text:
        return usual
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise UsageError(
            f"{text!r} is no number of seconds", where=POLL_VARIABLE, advice="correct or unset it"
        )
    return seconds


class UnansweredError(RemoteError):
    """Launchpad gave no usable answer; `what` goes on after "Launchpad", as in "answered 503".

    `refused` is whether it understood and refused: another question may well be answered;
    `status` is its HTTP status, 0 where there is none.
    """

    refused = False
    status = 0


class RefusedError(RemoteError):
    """Launchpad answered that what was asked for does not exist or may not be seen."""


class ConflictError(RefusedError):
    """Somebody else has changed the entry since it was read; nothing was written."""


@dataclass(frozen=True)
class Patience:
    """The bounds of waiting, in seconds; `attempts` counts the first one.

    `connect` is for reaching the server at all, `answer` for one response, `first_wait` before
    the second attempt (it doubles each time), `longest_wait` the most that a Retry-After may ask
    for, and `total` for one request with all its repetitions.
    """

    connect: float = 4.0
    answer: float = 20.0
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 30.0
    total: float = 60.0
