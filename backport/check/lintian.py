"""lintian's tags as findings, with what does not hold for the target series yet as notes.

A later lintian has tags that nobody here has judged for old series. What the one of `REVIEWED` does
not report as an error is therefore a note, and no verdict depends on the machine's lintian.
"""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backport.builder import as_builder
from backport.check import finding
from backport.check.ceiling import DATA, TOOLS, Ceiling, entries
from backport.check.finding import Finding, Severity
from backport.engine.process import run
from backport.errors import MachineError
from backport.system_packages import require

REVIEWED = "2.116.3"
"""The lintian that data/lintian.toml and data/lintian-errors.txt were reviewed for."""

_LINE = re.compile(
    r"(?P<letter>[EWI]): (?P<package>\S+?)(?: (?P<kind>source|udeb|changes|buildinfo))?: "
    r"(?P<tag>\S+)(?: (?P<context>.*?))??(?: \[(?P<pointer>[^\]]*)\])?$"
)
_SEVERITIES: dict[str, Severity] = {"E": "error", "W": "warning", "I": "info"}


@dataclass(frozen=True)
class Tag:
    """One line of lintian's output; `kind` is "" for a binary package."""

    severity: Severity
    package: str
    kind: str
    name: str
    context: str
    pointer: str

    @property
    def text(self) -> str:
        """The tag with its context."""
        return f"{self.name} {self.context}".strip()


def read(output: str) -> tuple[Tag, ...]:
    """The tags in lintian's output; remarks and overridden tags are left out."""
    matches = (match for line in output.splitlines() if (match := _LINE.match(line)))
    return tuple(
        Tag(_SEVERITIES[letter], package, kind or "", name, (context or "").strip(), pointer or "")
        for letter, package, kind, name, context, pointer in (match.groups() for match in matches)
    )


def run_lintian(files: Sequence[Path], log: Path) -> tuple[Tag, ...]:
    """Run lintian with Ubuntu's profile on packages and .changes files.

    Which series an upload is for has a rule of its own: lintian may not know a later one.

    Parameters:
        log: the file that its output goes to.

    Raises:
        MachineError: lintian is not installed, or fails.
    """
    args = ["--no-cfg", "--fail-on", "none", "--tag-display-limit", "0", "--display-info"]
    args += ["--profile", "ubuntu/main", "--suppress-tags", "bad-distribution-in-changes-file"]
    env = {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "TZ": "UTC"}
    with tempfile.TemporaryDirectory(prefix="lintian-") as scratch:
        command = [require("lintian"), *args, *map(str, files)]
        env["HOME"] = scratch
        done = as_builder.run(command, Path(scratch), reads=files, env=env, timeout=900)
    log.write_text(done.output, encoding="utf-8")
    if done.exit_code != 0 or "Lintian run stopped" in done.output:
        raise MachineError(f"lintian fails: {done.tail(3)}", where=str(files[0]))
    return read(done.output)


def installed() -> str:
    """The version of this machine's lintian, without a revision; "" where there is none."""
    output = run(["lintian", "--version"]).output if shutil.which("lintian") else ""
    match = re.search(r"v(\d+(\.\d+)*)", output)
    return match[1] if match else ""


def findings(
    tags: Iterable[Tag], ceiling: Ceiling, pinned: Iterable[Tag] | None
) -> tuple[Finding, ...]:
    """The tags as findings.

    Parameters:
        ceiling: the series; a tag that asks for a newer tool than it has becomes a note.
        pinned: the tags of the pinned source package, None where none is pinned. What it has as
            well is not new. Its binary packages were not built, so that an error in a binary
            package is a warning then.
    """
    made = []
    for tag in tags:
        severity, advice = tag.severity, f"run: lintian-explain-tags {tag.name}"
        if note := _not_yet(tag, ceiling):
            severity, advice = "info", note
        elif severity == "error" and tag.name not in _judged_errors():
            severity = "info"
            advice = (
                f"not judged yet: lintian {REVIEWED}, for which the table was reviewed, has no "
                f"such error; see whether it holds for {ceiling.series}, {advice}"
            )
        elif pinned is not None and not tag.kind and severity == "error":
            severity = "warning"
            advice += "; see whether the archive's package has it too"
        where = f"{tag.package} {tag.kind}".strip()
        place = f"{where}: {tag.pointer}" if tag.pointer else where
        made.append(finding.make("lintian", severity, place, tag.text, advice))
    had = [
        finding.make("lintian", tag.severity, "", tag.text, "") for tag in pinned or () if tag.kind
    ]
    return finding.mark_new(made, had)


@functools.cache
def _judged_errors() -> frozenset[str]:
    lines = (DATA / "lintian-errors.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _not_yet(tag: Tag, ceiling: Ceiling) -> str:
    """Why a tag does not hold for the series; "" where it does, or that is not known."""
    if tag.name == "debian-revision-not-well-formed" and "~standin" in tag.context:
        return "the version is for testing only, and is never uploaded"
    for entry in entries("lintian"):
        if entry.form.search(tag.text) and ceiling.has(entry.tool, entry.since) is False:
            came = f"{TOOLS[entry.tool]} {entry.since}"
            return f"nothing to do in {ceiling.series}: it asks for what came with {came}"
    return ""
