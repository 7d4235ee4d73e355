"""What an upload would send, in which order, and the result of every check. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Any

from debian.debian_support import Version

from backport.engine.step import StepId
from backport.errors import BackportError, InputError, MachineError, RemoteError, StepError
from backport.launchpad.archive.publication import OBSOLETE_SERIES, Publication
from backport.launchpad.upload.journal import UploadRecord
from backport.launchpad.upload.source import PpaSource
from backport.recipe.model import Published, Recipe, Source

UPLOAD, RESUME, THERE, SKIP, REFUSE = "upload", "go on", "is there", "skipped", "refused"


@dataclass(frozen=True)
class Candidate:
    """What is known of one source in one series before it is uploaded.

    Parameters:
        update: the version of the update; `version` is the one in the PPA.
        needs: the names of the candidates that have to be published before this one is sent.
        as_of: the past day on which the recipe looks at the archive; None for today.
        permitted: whether the PPA takes uploads for the series though it is obsolete.
        asked_by_name: whether the user named the series.
        archive: what the series has, by a record of now.
        in_recipe: what the recipe says that the series has.
        made: the source package; None where none is made.
        made_of: the sha256 of the update's own .dsc.
        earlier: what an earlier call left of this upload.
        records: the PPA's, of every series.
        known: the (name, sha256, whose) of each upstream tarball that Launchpad has under a name
            of ours.
        unmet: the relations that the PPA's own versions do not meet.
        steps: the states of build and tests; `origins` is where those come from that were not run
            here.
        forced: the user's reason to upload what has not passed.
        pinned_trouble, account_trouble, key_trouble: why the pinned .dsc is not the archive's own,
            why the account may not upload, and what is wrong with the key; "" for nothing.
    """

    source: Source
    series: str
    update: str
    version: str
    needs: tuple[str, ...]
    as_of: datetime.date | None
    series_status: str
    permitted: bool
    asked_by_name: bool
    archive: Published
    in_recipe: Published | None
    made: PpaSource | None = None
    made_of: str = ""
    earlier: UploadRecord | None = None
    records: tuple[Publication, ...] = ()
    known: tuple[tuple[str, str, str], ...] = ()
    unmet: tuple[str, ...] = ()
    steps: Mapping[StepId, str] = field(default_factory=dict)
    origins: Mapping[StepId, str] = field(default_factory=dict)
    forced: str = ""
    pinned_trouble: str = ""
    account_trouble: str = ""
    key_trouble: str = ""

    @property
    def name(self) -> str:
        """Such as ``xenial/hello``."""
        return f"{self.series}/{self.source.name}"

    @property
    def closed(self) -> bool:
        """Whether Launchpad takes no uploads for the series, since it has ended."""
        return self.series_status == OBSOLETE_SERIES and not self.permitted


@dataclass(frozen=True)
class Check:
    """One check; `exit_code` is what the command ends with where it does not hold.

    `detail` says what is wrong, or why it is forced.
    """

    name: str
    holds: bool
    detail: str
    exit_code: int = 0


@dataclass(frozen=True)
class PlannedUpload:
    """One source in one series: what becomes of it, and why."""

    source: str
    series: str
    version: str
    action: str
    needs: tuple[str, ...]
    checks: tuple[Check, ...]
    reason: str = ""
    exit_code: int = 0

    @property
    def name(self) -> str:
        """Such as ``xenial/hello``."""
        return f"{self.series}/{self.source}"


@dataclass(frozen=True)
class UploadPlan:
    """The whole: where to, by whom, and every item in the order of sending."""

    ppa: str
    server: str
    account: str
    signer: str
    base: str
    items: tuple[PlannedUpload, ...]

    @property
    def exit_code(self) -> int:
        """That of the first item that may not be uploaded; 0 if there is none."""
        return next((item.exit_code for item in self.items if item.exit_code), 0)

    @property
    def refused(self) -> tuple[PlannedUpload, ...]:
        """The items that a check holds back: then nothing at all is sent."""
        return tuple(item for item in self.items if item.action == REFUSE)

    @property
    def to_send(self) -> tuple[PlannedUpload, ...]:
        """The items that something is left to do for."""
        return tuple(item for item in self.items if item.action in (UPLOAD, RESUME))

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data."""
        return {"event": "plan", **asdict(self), "exit_code": self.exit_code}


def _series(candidate: Candidate) -> str:
    if candidate.closed:
        return (
            f"obsolete: Launchpad takes no uploads for {candidate.series} any more; what can be "
            "done is to build and test it here, and to leave the series out of the update"
        )
    future = candidate.series_status == "Future"
    return f"{candidate.series} is {candidate.series_status}" if future else ""


def _pinned(candidate: Candidate) -> str:
    pinned = candidate.source.pinned
    if pinned is None:
        return (
            "its packaging is our own, for testing only; pin the archive's .dsc with: backport pin"
        )
    return f"{pinned.dsc}: {candidate.pinned_trouble}" if candidate.pinned_trouble else ""


def _archive(candidate: Candidate) -> str:
    if candidate.as_of is not None:
        return (
            f"the recipe looks at the archive as of {candidate.as_of}, and it has gone on since: "
            "take as-of out"
        )
    has = candidate.archive.version
    named = candidate.in_recipe.version if candidate.in_recipe else ""
    pinned = candidate.source.pinned.version if candidate.source.pinned else ""
    # The .changes has the changelog's entries since the version that the recipe names.
    if has != named and (candidate.in_recipe is not None or has != pinned):
        return (
            f"the archive has {has or 'none'}, and the recipe says {named or 'none'}: correct "
            f"{candidate.source.name} in [series.{candidate.series}.archive]"
        )
    return ""


def _version(candidate: Candidate) -> str:
    ours = Version(candidate.version)
    newest = max(
        (
            Version(record.version)
            for record in candidate.records
            if record.series == candidate.series and record.in_archive
        ),
        default=None,
    )
    has = candidate.archive.version
    if newest is not None and newest >= ours and not _is_there(candidate):
        return f"the PPA has {newest} in {candidate.series}, and {ours} is not higher"
    if has and Version(has) >= ours:
        return f"the archive has {has}, and {ours} is not higher"
    return ""


def _tarball(candidate: Candidate) -> str:
    hashes = candidate.made.hashes if candidate.made else {}
    for name, sha256, where in candidate.known:
        if hashes.get(name, sha256) != sha256:
            return f"{where} has another {name} (sha256 {sha256[:12]}…)"
    return ""


def _content(candidate: Candidate) -> str:
    files = ", ".join(candidate.made.differing[:3]) if candidate.made else ""
    return f"it differs from the update's own source package in {files}" if files else ""


def _relations(candidate: Candidate) -> str:
    advice = "end the recipe's relation with ~, as in (>= {NAME}~)"
    return f"it asks for {candidate.unmet[0]}: {advice}" if candidate.unmet else ""


def _tests(candidate: Candidate) -> str:
    bad = [f"{name}: {state}" for name, state in candidate.steps.items() if state != "passed"]
    if not bad or candidate.forced:
        return ""
    return (
        f"{len(bad)} of {len(candidate.steps)} builds and tests have not passed ({bad[0]}); "
        "run: backport run"
    )


# What is wrong ("" for nothing), and the error whose exit code the command then ends with.
_CHECKS: dict[str, tuple[Callable[[Candidate], str], type[BackportError]]] = {
    "series": (_series, RemoteError),
    "account": (lambda candidate: candidate.account_trouble, RemoteError),
    "key": (lambda candidate: candidate.key_trouble, MachineError),
    "pinned": (_pinned, InputError),
    "archive": (_archive, InputError),
    "version": (_version, InputError),
    "tarball": (_tarball, InputError),
    "content": (_content, StepError),
    "relations": (_relations, InputError),
    "tests": (_tests, StepError),
}


def _is_there(candidate: Candidate) -> bool:
    """Whether the PPA has this very version, in this series, with our content."""
    ours = candidate.made.content if candidate.made else {}
    return any(
        record.in_archive and record.files and record.content == ours
        for record in candidate.records
        if (record.version, record.series) == (candidate.version, candidate.series)
    )


def item_of(candidate: Candidate) -> PlannedUpload:
    """What becomes of one source in one series, by every check in the order of showing."""
    checks = []
    for name, (check, error) in _CHECKS.items():
        wrong = check(candidate)
        forced = f"forced: {candidate.forced}" if name == "tests" and candidate.forced else ""
        checks.append(Check(name, not wrong, wrong or forced, error.exit_code if wrong else 0))
    failed = next((check for check in checks if not check.holds), None)
    exit_code = 0
    if not checks[0].holds:
        action, reason = SKIP, f"skipped ({checks[0].detail})"
        # That a series has ended is no fault of who has not asked for it.
        exit_code = 0 if candidate.closed and not candidate.asked_by_name else checks[0].exit_code
    elif _is_there(candidate):
        action, reason = THERE, "the PPA has it already"
    elif failed is not None:
        action, reason, exit_code = REFUSE, failed.detail, failed.exit_code
    elif candidate.earlier is not None and candidate.earlier.state != "rejected":
        action, reason = RESUME, f"an earlier call left it as {candidate.earlier.state}"
    else:
        action, reason = UPLOAD, ""
    return PlannedUpload(
        source=candidate.source.name,
        series=candidate.series,
        version=candidate.version if candidate.source.pinned is not None else "",
        action=action,
        needs=candidate.needs,
        checks=tuple(checks),
        reason=reason,
        exit_code=exit_code,
    )


def order(
    recipe: Recipe, series: tuple[str, ...], sources: tuple[str, ...]
) -> list[tuple[str, str]]:
    """The (source, series) pairs in the order of sending.

    What is needed goes first, in all series: then it is built in all of them at the same time.
    """
    graph = {source.name: list(source.needs) for source in recipe.sources}
    names = [name for name in TopologicalSorter(graph).static_order() if name in sources]
    return [(name, one) for name in names for one in series if one in recipe.source(name).series]


def blocked(items: tuple[PlannedUpload, ...]) -> tuple[PlannedUpload, ...]:
    """The items, those refused too that need one which is refused or skipped."""
    by_name: dict[str, PlannedUpload] = {}
    for item in items:
        bad = [by_name[need] for need in item.needs if need in by_name]
        bad = [one for one in bad if one.action in (REFUSE, SKIP)]
        if item.action in (UPLOAD, RESUME) and bad:
            why = f"it needs {bad[0].name}, which cannot be uploaded"
            item = replace(item, action=REFUSE, reason=why, exit_code=bad[0].exit_code)  # noqa: PLW2901
        by_name[item.name] = item
    return tuple(by_name.values())


def as_text(plan: UploadPlan) -> str:
    """The plan for a terminal."""
    out = [
        f"to {plan.ppa} through {plan.server}",
        f"by {plan.account or 'nobody'}, signed with {plan.signer or 'no key'}",
    ]
    if plan.base == "stand-in":
        out.append("the builds and tests ran on the stand-in base, not on Ubuntu's archive")
    for number, item in enumerate(plan.items, 1):
        out += ["", f"{number}. {item.name} {item.version}".rstrip() + f": {item.action}"]
        if item.reason:
            out.append(f"   {item.reason}")
        out += [
            f"   {'ok  ' if check.holds else 'NO  '}{check.name}: {check.detail}".rstrip(": ")
            for check in item.checks
        ]
        waits = [need for need in item.needs if need in {one.name for one in plan.items}]
        if waits and item.action in (UPLOAD, RESUME):
            out.append(f"   after {', '.join(waits)} is published there")
    return "\n".join(out)
