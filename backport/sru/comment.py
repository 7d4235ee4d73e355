"""The verification comment of a series, and how it and the tags come to the bug, once.

The comment says what was tested, from where, how, and by what evidence. The bug is read right
before each change, and again after it. Where somebody else has changed the verification's tags in
the meantime nothing is written: a person has to look at what they mean.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from backport.engine import verdict
from backport.engine.step import StepId
from backport.launchpad.api.client import ConflictError, LaunchpadlibClient
from backport.launchpad.bug import model as bugs
from backport.launchpad.bug import plan as bug_plan
from backport.launchpad.bug.data import Bug
from backport.launchpad.bug.plan import WantedBug
from backport.output import printable
from backport.sru import check
from backport.sru.checklist_data import Checklist, TagChange
from backport.sru.manifest import Manifest
from backport.sru.proof import Proofs


def make(known: Proofs, checklist: Checklist, series: str) -> str:
    """The comment on one series. It says only what the evidence and Launchpad say.

    It names the versions as ``apt policy`` does, as SRU documentation, reference/sru-verification
    asks for. The same evidence gives the same text.
    """
    evidence = known.evidence
    change = next((tag for tag in checklist.tags if tag.series == series), None)
    title = "Verification done" if change else "Verification NOT complete"
    lines = [f"{title} for {series}.", ""]
    lines += ["Packages tested, as apt policy has them:"]
    lines += _policy(known, series)
    lines += ["", "Tests:"]
    for proof in known.of(series):
        ran = known.service.get(proof.step) or evidence.step(proof.step)
        outcome = ""
        if ran is not None:
            detail = verdict.text(ran.verdict)
            outcome = verdict.kind(ran.verdict) + (f", {detail}" if detail else "")
        lines.append(f"  {proof.step.source} {proof.test}: {outcome or 'not run'}")
        if proof.lacks:
            lines.append(f"    does not count: {proof.lacks}")
        if proof.sha256:
            lines.append(f"    log sha256 {proof.sha256}")
    commands = _commands(known.folder, evidence, series)
    if commands:
        lines += ["", "Commands:", *(f"  {command}" for command in commands)]
    base = evidence.base(series)
    lines += [
        "",
        f"Base: {base.kind} ({base.suite})." if base else "Base: none.",
        f"Evidence: {evidence.name}.tar.zst, sha256 {checklist.sha256}",
    ]
    return printable("\n".join(lines))


def _policy(known: Proofs, series: str) -> list[str]:
    lines: list[str] = []
    facts, place = known.facts, known.recipe.one_series(series)
    for source in known.recipe.sources:
        pair = (source.name, series)
        build = known.evidence.step(StepId("build", series, source.name))
        if build is None:
            continue
        there = facts.in_pocket(pair, "Proposed")
        published = {binary.sha256: binary for binary in facts.binaries.get(pair, ())}
        for name, digest in sorted(build.outputs.items()):
            if not name.endswith(".deb"):
                continue
            package, version, _ = name.removesuffix(".deb").split("_")
            binary = published.get(digest)
            lines += [f"{package}:", f"  Installed: {binary.version if binary else version}"]
            if binary is not None and there is not None:
                origin = f"{place.mirror} {series}-proposed/{there.component}"
                lines.append(f"  Origin: {origin}")
            else:
                lines.append("  Origin: built locally, NOT the published file")
            lines.append(f"  {name} sha256 {digest}")
    return lines


def _commands(folder: Path, evidence: Manifest, series: str) -> list[str]:
    """The commands that ran the tests: those with autopkgtest in them."""
    return [
        shlex.join(words)
        for step in evidence.steps
        if (step.id.kind, step.id.series) == ("test", series) and not step.step.control
        for words in check.commands(folder, step)
        if "autopkgtest" in words
    ]


def post(
    client: LaunchpadlibClient,
    seen: Bug,
    changes: tuple[TagChange, ...],
    comments: Mapping[str, str],
) -> dict[str, tuple[str, ...]]:
    """Write the comment and the tags of each series that are not there yet; returns what it wrote.

    Parameters:
        seen: the bug as it was when the tags were proposed.
        comments: the comment of each series.

    Raises:
        ConflictError: somebody has changed the tags of a series meanwhile; nothing is written for
            it, and what was written for others stays.
        RemoteError: Launchpad refused, or cannot be reached; the next call goes on from there.
    """
    posted: dict[str, tuple[str, ...]] = {}
    for change in changes:
        now = bugs.read(client, seen.number)
        _unchanged(client, seen, now, change)
        written = []
        wanted = WantedBug({}, frozenset(), comments=(comments[change.series],))
        left = partial(bugs.to_change, client, seen.number, wanted)
        for comment in bug_plan.make(now, wanted).changes:
            bugs.carry_out(client, seen.number, comment, left)
            written.append("comment")
        if not _is_done(now, change):
            _tag(client, seen, change)
            written.append("tags")
        posted[change.series] = tuple(written)
    return posted


def _is_done(bug: Bug, change: TagChange) -> bool:
    return change.add in bug.tags and not {*change.remove} & {*bug.tags}


def _about(tags: tuple[str, ...], series: str) -> set[str]:
    """The tags that say something about the verification of a series."""
    return {tag for tag in tags if tag.startswith("verification-") and series in tag} | {
        tag for tag in tags if tag.startswith(("regression-", f"block-proposed-{series}"))
    }


def _unchanged(client: LaunchpadlibClient, seen: Bug, now: Bug, change: TagChange) -> None:
    was, are = _about(seen.tags, change.series), _about(now.tags, change.series)
    if was != are and not _is_done(now, change):
        more = ", ".join(sorted(are - was)) or "none"
        gone = ", ".join(sorted(was - are)) or "none"
        raise ConflictError(
            f"somebody else has changed the tags about {change.series} in the meantime (set: "
            f"{more}; removed: {gone}); the tags stay as they are",
            where=f"{client.root}, bug {seen.number}",
            advice="find out why, and run the command again",
        )


def _tag(client: LaunchpadlibClient, seen: Bug, change: TagChange) -> None:
    def set_tags(session: Any) -> None:
        entry = session.load(f"bugs/{seen.number}")
        now = replace(seen, tags=tuple(map(str, entry.tags)))
        _unchanged(client, seen, now, change)
        # Launchpad saves a list that is assigned, not one that is changed in its place.
        entry.tags = sorted(({*now.tags} - {*change.remove}) | {change.add})
        entry.lp_save()

    def is_set() -> bool:
        return _is_done(bugs.read(client, seen.number), change)

    what = f"bug {seen.number} (its tags)"
    try:
        client.change(what, set_tags, is_set)
    except ConflictError:
        # 412: the bug was changed while we looked at it, perhaps in another part.
        client.change(what, set_tags, is_set)
