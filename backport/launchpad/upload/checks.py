"""What an upload would send, in which order, and the result of every check. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from graphlib import TopologicalSorter
from typing import Any

from debian.debian_support import Version

from backport.errors import BackportError, InputError, MachineError, RemoteError, StepError
from backport.launchpad.upload.candidate import Candidate
from backport.recipe.model import Recipe

UPLOAD, RESUME, THERE, SKIP, REFUSE = "upload", "go on", "is there", "skipped", "refused"


@dataclass(frozen=True)
class Check:
    """One check; `exit_code` is what the command ends with where it does not hold."""

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


# What is wrong ("" for nothing), and what is said where all is well.
_Found = tuple[str, str]


def checks_of(candidate: Candidate) -> tuple[Check, ...]:
    """Every check of candidate source in candidate series, in the order in which they are shown."""
    checks = []
    for name, (check, error) in _CHECKS.items():
        wrong, good = check(candidate)
        checks.append(Check(name, not wrong, wrong or good, error.exit_code if wrong else 0))
    return tuple(checks)


def _series(candidate: Candidate) -> _Found:
    is_now = f"{candidate.series} is {candidate.series_status}"
    if candidate.closed:
        return (
            f"obsolete: Launchpad takes no uploads for {candidate.series} any more; what can be "
            "done is to build and test it here, and to leave the series out of the update"
        ), ""
    if candidate.permitted:
        return "", f"{is_now}, and the PPA takes uploads for it all the same"
    return is_now if candidate.series_status == "Future" else "", is_now


def _account(candidate: Candidate) -> _Found:
    return candidate.allowed, "the account may upload there"


def _key(candidate: Candidate) -> _Found:
    return candidate.key_trouble, "it can sign, and Launchpad knows it"


def _base(candidate: Candidate) -> _Found:
    base = candidate.source.base
    if base is None:
        return (
            "its packaging is our own, for testing only; pin the archive's .dsc with: backport pin"
        ), ""
    wrong = f"{base.dsc}: {candidate.base_trouble}" if candidate.base_trouble else ""
    return wrong, f"{base.dsc}, sha256 {base.sha256[:12]}…, as Launchpad has it"


def _day(candidate: Candidate) -> _Found:
    wrong = (
        f"the recipe looks at the archive as of {candidate.as_of}, and it has gone on since: take "
        "as-of out"
    )
    past = candidate.as_of is not None and candidate.as_of < candidate.today
    return wrong if past else "", "the archive is looked at as it is now"


def _confirmed(candidate: Candidate) -> _Found:
    loose = [
        f"{series}: {has.version or 'none'}" if has else f"{series}: unknown"
        for series, has in candidate.relied.items()
        if has is None or not has.confirmed
    ]
    if loose:
        return f"nobody has confirmed what the archive has ({'; '.join(loose)})", ""
    has = candidate.archive.version if candidate.archive else ""
    named = candidate.said.version if candidate.said else ""
    base = candidate.source.base.version if candidate.source.base else ""
    # The .changes has the changelog's entries since the version that the recipe names.
    if has != named and (candidate.said is not None or has != base):
        return (
            f"the archive has {has or 'none'}, and the recipe says {named or 'none'}: correct "
            f"{candidate.source.name} in [series.{candidate.series}.archive]"
        ), ""
    return "", f"it has {has or 'none'}, confirmed"


def _version(candidate: Candidate) -> _Found:
    ours = Version(candidate.version)
    mine = [
        record
        for record in candidate.records
        if record.series == candidate.series and record.in_archive
    ]
    newest = max((Version(record.version) for record in mine), default=None)
    has = candidate.archive.version if candidate.archive else ""
    wrong = ""
    if newest is not None and newest >= ours and not _is_there(candidate):
        wrong = f"the PPA has {newest} in {candidate.series}, and {ours} is not higher"
    elif has and Version(has) >= ours:
        wrong = f"the archive has {has}, and {ours} is not higher"
    elif not ours < Version(candidate.update):
        wrong = f"{ours} is not below {candidate.update}"
    return wrong, f"{ours} is higher than all that is there, and below the update"


def _tarball(candidate: Candidate) -> _Found:
    theirs = [known for known in candidate.known if known.name in candidate.hashes]
    for known in theirs:
        if candidate.hashes[known.name] != known.sha256:
            return f"{known.where} has another {known.name} (sha256 {known.sha256[:12]}…)", ""
    return "", f"the same as in {theirs[0].where}" if theirs else "nobody has that name"


def _content(candidate: Candidate) -> _Found:
    files = ", ".join(candidate.made.differing[:3]) if candidate.made else ""
    wrong = f"it differs from the update's own source package in {files}" if files else ""
    return wrong, "the update's own source package, but for the version"


def _relations(candidate: Candidate) -> _Found:
    end = "end the recipe's relation with ~, as in (>= {NAME}~)"
    wrong = f"it asks for {candidate.unmet[0]}: {end}" if candidate.unmet else ""
    return wrong, "what it asks of the update, the PPA's versions meet"


def _tested(candidate: Candidate) -> _Found:
    bad = [(name, state) for name, state in candidate.steps.items() if state != "passed"]
    if not bad:
        tests = sum(name.kind == "test" for name in candidate.steps)
        there = len(candidate.origins)
        service = f", {there} of them on Ubuntu's autopkgtest service" if there else ""
        return "", f"the build and all {tests} tests passed{service}"
    name, state = bad[0]
    lacking = (
        f"{len(bad)} of {len(candidate.steps)} builds and tests have not passed ({name}: {state})"
    )
    return (
        "" if candidate.forced else f"{lacking}; run: backport run",
        f"{lacking}; forced: {candidate.forced}",
    )


# Each check with the error whose exit code the command ends with.
_CHECKS: dict[str, tuple[Callable[[Candidate], _Found], type[BackportError]]] = {
    "series": (_series, RemoteError),
    "account": (_account, RemoteError),
    "key": (_key, MachineError),
    "base": (_base, InputError),
    "day": (_day, InputError),
    "archive": (_confirmed, InputError),
    "version": (_version, InputError),
    "tarball": (_tarball, InputError),
    "content": (_content, StepError),
    "relations": (_relations, InputError),
    "tests": (_tested, StepError),
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
    """What becomes of one source in one series."""
    checks = checks_of(candidate)
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
        version=candidate.version if candidate.source.base is not None else "",
        action=action,
        needs=candidate.needs,
        checks=checks,
        reason=reason,
        exit_code=exit_code,
    )


def order(
    recipe: Recipe, series: tuple[str, ...], sources: tuple[str, ...]
) -> list[tuple[str, str]]:
    """The (source, series) pairs in the order of sending: what is needed comes first."""
    graph = {source.name: list(source.needs) for source in recipe.sources}
    names = [name for name in TopologicalSorter(graph).static_order() if name in sources]
    return [(name, one) for one in series for name in names if one in recipe.source(name).series]


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
            f"   {'ok  ' if check.holds else 'NO  '}{check.name}: {check.detail}"
            for check in item.checks
        ]
        waits = [need for need in item.needs if need in {one.name for one in plan.items}]
        if waits and item.action in (UPLOAD, RESUME):
            out.append(f"   after {', '.join(waits)} is published there")
    return "\n".join(out)
