"""How a step ended. A skipped or broken step is a type of its own, never a pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passed:
    """The step did what it was asked to; `detail` says it in a few words."""

    detail: str = ""


@dataclass(frozen=True)
class Failed:
    """What was built, checked or tested is wrong.

    `stage` names the part that failed (such as ``install-deps`` or ``build``), `log` the file
    with the details, relative to the step's folder.
    """

    stage: str
    detail: str
    log: str = ""


@dataclass(frozen=True)
class Skipped:
    """The step did not run, for a reason that the summary prints."""

    reason: str


@dataclass(frozen=True)
class Broken:
    """The step could not tell: the testbed, the tool or a control did not work."""

    detail: str
    log: str = ""


Verdict = Passed | Failed | Skipped | Broken


def kind(verdict: Verdict) -> str:
    """The verdict's name in files and in output: passed, failed, skipped or broken."""
    return type(verdict).__name__.lower()


def text(verdict: Verdict) -> str:
    """The verdict's reason in one line."""
    match verdict:
        case Failed(stage, detail):
            return f"{stage}: {detail}"
        case Skipped(reason):
            return reason
        case Passed(detail) | Broken(detail):
            return detail
