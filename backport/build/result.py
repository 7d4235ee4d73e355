"""What a build came to: sbuild's summary and exit code, in one table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backport.engine.verdict import Broken, Failed, Passed, Verdict
from backport.environments.layers import Layer

_TAIL_LINES = 25

# The stages that sbuild names in `Fail-Stage` and that the package itself can be to blame for.
# All others (create-session, check-space, apt-get-update, ...) are the machine's or the toolkit's.
PACKAGE_STAGES = frozenset(
    {
        "arch-check",
        "build",
        "check-architecture",
        "check-unpacked-version",
        "fetch-src",
        "install-deps",
        "parse-changes",
        "post-build",
        "unpack",
    }
)

# sbuild's exit code -> the statuses that go with it (main program of sbuild 0.85: 0 also for a
# package that is not built on this architecture). Any other pair is no answer.
STATUSES: dict[int, frozenset[str]] = {
    0: frozenset({"successful", "skipped"}),
    1: frozenset({"failed", "skipped"}),
    2: frozenset({"attempted"}),
    3: frozenset({"given-back"}),
}


@dataclass(frozen=True)
class BuildResult:
    """How one build of one source package ended, and the layer that it started from, if any."""

    verdict: Verdict
    layer: Layer | None = None


def read_summary(log: str) -> dict[str, str]:
    """The fields of the last summary in a log of sbuild; none where it has no summary."""
    heading = log.rfind("\n| Summary ")
    if heading < 0:
        return {}
    lines = log[heading:].splitlines()[3:]
    fields = (re.fullmatch(r"([A-Z][A-Za-z -]*): (.*)", line.rstrip()) for line in lines)
    return {match[1]: match[2] for match in fields if match}


def judge(exit_code: int, summary: dict[str, str], *, timed_out: bool = False) -> Verdict:
    """The verdict that sbuild's exit code and summary mean together.

    Parameters:
        exit_code: negative for a signal.
        summary: the fields that `read_summary` found.
        timed_out: the toolkit ended the build because its time was over.
    """
    status, stage = summary.get("Status", ""), summary.get("Fail-Stage", "")
    if timed_out:
        return Failed("timeout", "the build took longer than its time limit")
    if status not in STATUSES.get(exit_code, frozenset()):
        shown = f"status {status}" if status else "no summary"
        return Broken(f"sbuild ended with exit code {exit_code} and {shown}")
    if status == "successful":
        return Passed()
    if status == "skipped":
        return Failed(stage or "arch-check", "the source is not built on this architecture")
    if stage in PACKAGE_STAGES:
        return Failed(stage, f"sbuild says {status}")
    return Broken(f"sbuild stopped at the stage {stage or '(none)'}")


def tail(log: str, lines: int = _TAIL_LINES) -> str:
    """The last lines that the build itself printed, without what sbuild adds afterwards."""
    end = len(log)
    for mark in ("\nBuild finished at ", "\n| Cleanup "):
        place = log.rfind(mark, 0, end)
        if place >= 0:
            end = place
            break
    kept = [
        line.rstrip()
        for line in log[:end].splitlines()
        if line.strip() and not re.fullmatch(r"\+-+\+|-{60,}", line.strip())
    ]
    return "\n".join(kept[-lines:])


# What says best why a build failed, the best first; each is looked for from the end of the log.
_REASONS = (
    r"FAILED \((?:failures|errors|unexpected)[^)]*\)",
    r"=+ .*\d+ (?:failed|error).* =+",
    r"(?:dpkg-source|dpkg-checkbuilddeps|dh[a-z_]*): error: .+",
    r" sbuild-build-depends-\S+ : .+",
    r"E: .+",
    r".*make(?:\[\d+\])?: \*\*\* .+",
    r"\w*(?:Error|Exception): .+",
)


def reason(text: str) -> str:
    """The one line of a failed stage's output that says most; the last line at worst."""
    lines = text.splitlines()
    for pattern in _REASONS:
        for line in reversed(lines):
            if re.fullmatch(pattern, line.rstrip()):
                return line.strip()
    return lines[-1].strip() if lines else "it printed nothing"
