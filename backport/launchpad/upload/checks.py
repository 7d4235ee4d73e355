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
        return next((one.exit_code for one in self.items if one.exit_code), 0)

    @property
    def refused(self) -> tuple[PlannedUpload, ...]:
        """The items that a check holds back: then nothing at all is sent."""
        return tuple(one for one in self.items if one.action == REFUSE)

    @property
    def to_send(self) -> tuple[PlannedUpload, ...]:
        """The items that something is left to do for."""
        return tuple(one for one in self.items if one.action in (UPLOAD, RESUME))

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data."""
        return {"event": "plan", **asdict(self), "exit_code": self.exit_code}


# What is wrong ("" for nothing), and what is said where all is well.
_Found = tuple[str, str]


def checks_of(one: Candidate) -> tuple[Check, ...]:
    """Every check of one source in one series, in the order in which they are shown."""
    checks = []
    for name, (check, error) in _CHECKS.items():
        wrong, good = check(one)
        checks.append(Check(name, not wrong, wrong or good, error.exit_code if wrong else 0))
    return tuple(checks)


def _series(one: Candidate) -> _Found:
    is_now = f"{one.series} is {one.series_status}"
    if one.closed:
        return (
            f"obsolete: Launchpad takes no uploads for {one.series} any more; what can be done is "
            "to build and test it here, and to leave the series out of the update"
        ), ""
    if one.permitted:
        return "", f"{is_now}, and the PPA takes uploads for it all the same"
    return is_now if one.series_status == "Future" else "", is_now


def _account(one: Candidate) -> _Found:
    return one.allowed, "the account may upload there"


def _key(one: Candidate) -> _Found:
    return one.key_trouble, "it can sign, and Launchpad knows it"


def _base(one: Candidate) -> _Found:
    base = one.source.base
    if base is None:
        return (
            "its packaging is our own, for testing only; pin the archive's .dsc with: backport pin"
        ), ""
    wrong = f"{base.dsc}: {one.base_trouble}" if one.base_trouble else ""
    return wrong, f"{base.dsc}, sha256 {base.sha256[:12]}…, as Launchpad has it"


def _day(one: Candidate) -> _Found:
    wrong = (
        f"the recipe looks at the archive as of {one.as_of}, and it has gone on since: take as-of "
        "out"
    )
    past = one.as_of is not None and one.as_of < one.today
    return wrong if past else "", "the archive is looked at as it is now"


def _confirmed(one: Candidate) -> _Found:
    loose = [
        f"{series}: {has.version or 'none'}" if has else f"{series}: unknown"
        for series, has in one.relied.items()
        if has is None or not has.confirmed
    ]
    if loose:
        return f"nobody has confirmed what the archive has ({'; '.join(loose)})", ""
    has = one.archive.version if one.archive else ""
    said = one.said.version if one.said else ""
    base = one.source.base.version if one.source.base else ""
    # The .changes has the changelog's entries since the version that the recipe names.
    if has != said and (one.said is not None or has != base):
        return (
            f"the archive has {has or 'none'}, and the recipe says {said or 'none'}: correct "
            f"{one.source.name} in [series.{one.series}.archive]"
        ), ""
    return "", f"it has {has or 'none'}, confirmed"


def _version(one: Candidate) -> _Found:
    ours = Version(one.version)
    mine = [record for record in one.records if record.series == one.series and record.in_archive]
    newest = max((Version(record.version) for record in mine), default=None)
    has = one.archive.version if one.archive else ""
    wrong = ""
    if newest is not None and newest >= ours and not _is_there(one):
        wrong = f"the PPA has {newest} in {one.series}, and {ours} is not higher"
    elif has and Version(has) >= ours:
        wrong = f"the archive has {has}, and {ours} is not higher"
    elif not ours < Version(one.update):
        wrong = f"{ours} is not below {one.update}"
    return wrong, f"{ours} is higher than all that is there, and below the update"


def _tarball(one: Candidate) -> _Found:
    theirs = [known for known in one.known if known.name in one.hashes]
    for known in theirs:
        if one.hashes[known.name] != known.sha256:
            return f"{known.where} has another {known.name} (sha256 {known.sha256[:12]}…)", ""
    return "", f"the same as in {theirs[0].where}" if theirs else "nobody has that name"


def _content(one: Candidate) -> _Found:
    files = ", ".join(one.made.differing[:3]) if one.made else ""
    wrong = f"it differs from the update's own source package in {files}" if files else ""
    return wrong, "the update's own source package, but for the version"


def _relations(one: Candidate) -> _Found:
    end = "end the recipe's relation with ~, as in (>= {NAME}~)"
    wrong = f"it asks for {one.unmet[0]}: {end}" if one.unmet else ""
    return wrong, "what it asks of the update, the PPA's versions meet"


def _tested(one: Candidate) -> _Found:
    bad = [(name, state) for name, state in one.steps.items() if state != "passed"]
    if not bad:
        tests = sum(name.kind == "test" for name in one.steps)
        there = len(one.origins)
        service = f", {there} of them on Ubuntu's autopkgtest service" if there else ""
        return "", f"the build and all {tests} tests passed{service}"
    name, state = bad[0]
    said = f"{len(bad)} of {len(one.steps)} builds and tests have not passed ({name}: {state})"
    return "" if one.forced else f"{said}; run: backport run", f"{said}; forced: {one.forced}"


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


def _is_there(one: Candidate) -> bool:
    """Whether the PPA has this very version, in this series, with our content."""
    ours = {name: sha256 for name, sha256 in one.hashes.items() if not name.endswith(".dsc")}
    return any(
        record.in_archive and record.files and record.content == ours
        for record in one.records
        if (record.version, record.series) == (one.version, one.series)
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
    graph = {one.name: list(one.needs) for one in recipe.sources}
    names = [name for name in TopologicalSorter(graph).static_order() if name in sources]
    return [(name, one) for one in series for name in names if one in recipe.source(name).series]


def blocked(items: tuple[PlannedUpload, ...]) -> tuple[PlannedUpload, ...]:
    """The items, those refused too that need one which is refused or skipped."""
    by_name: dict[str, PlannedUpload] = {}
    for item in items:
        bad = [by_name[need] for need in item.needs if need in by_name]
        bad = [one for one in bad if one.action in (REFUSE, SKIP)]
        if item.action in (UPLOAD, RESUME) and bad:
            reason = f"it needs {bad[0].name}, which cannot be uploaded"
            by_name[item.name] = replace(
                item, action=REFUSE, reason=reason, exit_code=bad[0].exit_code
            )
        else:
            by_name[item.name] = item
    return tuple(by_name.values())


def as_text(plan: UploadPlan, line: Callable[[str], str] = str) -> str:
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
    return "\n".join(line(one) for one in out)
