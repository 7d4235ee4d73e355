"""What an upload would send, in which order, and the result of every check. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from graphlib import TopologicalSorter
from typing import Any

from debian.debian_support import Version

from backport.errors import InputError, MachineError, RemoteError, StepError
from backport.launchpad.archive.publication import Publication
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


def checks_of(candidate: Candidate) -> tuple[Check, ...]:
    """Every check of one source in one series, in the order in which they are shown."""
    return tuple(
        check(candidate)
        for check in (
            _series, _account, _key, _base, _day, _confirmed, _version, _origs, _changelog, _deps,
            _tested,
        )
    )  # fmt: skip


def _series(candidate: Candidate) -> Check:
    status = candidate.series_status
    if not candidate.closed:
        said = f"{candidate.series} is {status}"
        if candidate.permitted:
            said += ", and the PPA takes uploads for it all the same"
        return Check("series", status != "Future", said, RemoteError.exit_code)
    return Check(
        "series",
        False,
        f"obsolete: Launchpad takes no uploads for {candidate.series} any more; what can be done "
        "is to build and test it here, and to leave the series out of the update",
        RemoteError.exit_code if candidate.asked_by_name else 0,
    )


def _account(candidate: Candidate) -> Check:
    said = candidate.allowed or "the account may upload there"
    return Check("account", not candidate.allowed, said, RemoteError.exit_code)


def _key(candidate: Candidate) -> Check:
    said = candidate.key_trouble or "it can sign, and Launchpad knows it"
    return Check("key", not candidate.key_trouble, said, MachineError.exit_code)


def _base(candidate: Candidate) -> Check:
    base = candidate.source.base
    if base is None:
        return Check(
            "base",
            False,
            "its packaging is our own, for testing only; pin the archive's .dsc with: backport pin",
            InputError.exit_code,
        )
    if candidate.base_trouble:
        return Check("base", False, f"{base.dsc}: {candidate.base_trouble}", InputError.exit_code)
    return Check("base", True, f"{base.dsc}, sha256 {base.sha256[:12]}…, as Launchpad has it")


def _day(candidate: Candidate) -> Check:
    if candidate.as_of is not None and candidate.as_of < candidate.today:
        return Check(
            "day",
            False,
            f"the recipe looks at the archive as of {candidate.as_of}, and it has gone on since: "
            "take as-of out",
            InputError.exit_code,
        )
    return Check("day", True, "the archive is looked at as it is now")


def _confirmed(candidate: Candidate) -> Check:
    loose = [
        f"{series}: {one.version or 'none'}" if one else f"{series}: unknown"
        for series, one in candidate.relied.items()
        if one is None or not one.confirmed
    ]
    if loose:
        return Check(
            "archive",
            False,
            f"nobody has confirmed what the archive has ({'; '.join(loose)})",
            InputError.exit_code,
        )
    has = candidate.archive.version if candidate.archive else ""
    said = candidate.said.version if candidate.said else ""
    base = candidate.source.base.version if candidate.source.base else ""
    # The .changes has the changelog's entries since the version that the recipe names.
    if has != said and (candidate.said is not None or has != base):
        return Check(
            "archive",
            False,
            f"the archive has {has or 'none'}, and the recipe says {said or 'none'}: correct "
            f"{candidate.source.name} in [series.{candidate.series}.archive]",
            InputError.exit_code,
        )
    return Check("archive", True, f"it has {has or 'none'}, confirmed")


def _version(candidate: Candidate) -> Check:
    ours = Version(candidate.version)
    mine = [one for one in candidate.records if one.series == candidate.series and one.in_archive]
    newest = max((Version(one.version) for one in mine), default=None)
    has = candidate.archive.version if candidate.archive else ""
    if newest is not None and newest >= ours and not _is_there(candidate):
        return Check(
            "version",
            False,
            f"the PPA has {newest} in {candidate.series}, and {ours} is not higher",
            InputError.exit_code,
        )
    if has and Version(has) >= ours:
        return Check(
            "version",
            False,
            f"the archive has {has}, and {ours} is not higher",
            InputError.exit_code,
        )
    if not ours < Version(candidate.update):
        return Check(
            "version", False, f"{ours} is not below {candidate.update}", InputError.exit_code
        )
    return Check("version", True, f"{ours} is higher than all that is there, and below the update")


def _origs(candidate: Candidate) -> Check:
    wrong = [
        f"{one.where} has another {one.name} (sha256 {one.sha256[:12]}…)"
        for one in candidate.known
        if one.name in candidate.hashes and candidate.hashes[one.name] != one.sha256
    ]
    if wrong:
        return Check("tarball", False, wrong[0], InputError.exit_code)
    same = [one.where for one in candidate.known if one.name in candidate.hashes]
    return Check("tarball", True, f"the same as in {same[0]}" if same else "nobody has that name")


def _changelog(candidate: Candidate) -> Check:
    if candidate.made and candidate.made.differing:
        return Check(
            "content",
            False,
            "it differs from the update's own source package in "
            f"{', '.join(candidate.made.differing[:3])}",
            StepError.exit_code,
        )
    return Check("content", True, "the update's own source package, but for the version")


def _deps(candidate: Candidate) -> Check:
    if candidate.unmet:
        return Check(
            "relations",
            False,
            f"it asks for {candidate.unmet[0]}: end the recipe's relation with ~, as in "
            "(>= {NAME}~)",
            InputError.exit_code,
        )
    return Check("relations", True, "what it asks of the update, the PPA's versions meet")


def _tested(candidate: Candidate) -> Check:
    bad = {name: state for name, state in candidate.steps.items() if state != "passed"}
    tests = sum(step.kind == "test" for step in candidate.steps)
    if not bad:
        there = len(candidate.origins)
        service = f", {there} of them on Ubuntu's autopkgtest service" if there else ""
        return Check("tests", True, f"the build and all {tests} tests passed{service}")
    name, state = next(iter(bad.items()))
    said = (
        f"{len(bad)} of {len(candidate.steps)} builds and tests have not passed ({name}: {state})"
    )
    if candidate.forced:
        return Check("tests", True, f"{said}; forced: {candidate.forced}")
    return Check("tests", False, f"{said}; run: backport run", StepError.exit_code)


def _is_there(candidate: Candidate) -> bool:
    """Whether the PPA has this very version, in this series, with our content."""
    return any(
        one.version == candidate.version
        and one.series == candidate.series
        and one.in_archive
        and _same_files(one, candidate.hashes)
        for one in candidate.records
    )


def _same_files(record: Publication, hashes: Mapping[str, str]) -> bool:
    ours = {name: one for name, one in hashes.items() if not name.endswith(".dsc")}
    return bool(record.files) and record.content == ours


def item_of(candidate: Candidate) -> PlannedUpload:
    """What becomes of one source in one series."""
    checks = checks_of(candidate)

    def item(action: str, reason: str, exit_code: int = 0) -> PlannedUpload:
        version = candidate.version if candidate.source.base is not None else ""
        return PlannedUpload(
            source=candidate.source.name,
            series=candidate.series,
            version=version,
            action=action,
            needs=candidate.needs,
            checks=checks,
            reason=reason,
            exit_code=exit_code,
        )

    series = checks[0]
    if not series.holds:
        return item(SKIP, f"skipped ({series.detail})", series.exit_code)
    if _is_there(candidate):
        return item(THERE, "the PPA has it already")
    for check in checks:
        if not check.holds:
            return item(REFUSE, check.detail, check.exit_code)
    if candidate.earlier is not None and candidate.earlier.state != "rejected":
        return item(RESUME, f"an earlier call left it as {candidate.earlier.state}")
    return item(UPLOAD, "")


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
