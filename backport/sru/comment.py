"""The verification comment of a series: what was tested, from where, how, and by what evidence."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backport.engine import programs, records, verdict
from backport.engine.step import StepId
from backport.errors import InputError, reading
from backport.launchpad.autopkgtest.verdicts import ServiceTest
from backport.output import printable
from backport.recipe.model import Recipe
from backport.sru.checklist_data import Checklist
from backport.sru.facts import Facts
from backport.sru.manifest import Manifest, StepRecord
from backport.sru.proof import tests


def make(
    recipe: Recipe,
    folder: Path,
    evidence: Manifest,
    facts: Facts,
    *,
    checklist: Checklist,
    series: str,
    service: Mapping[StepId, ServiceTest] | None = None,
) -> str:
    """The comment on one series. It says only what the evidence and Launchpad say.

    It names the versions as ``apt policy`` does, as SRU documentation, reference/sru-verification
    asks for. The same evidence gives the same text.

    Parameters:
        folder: the evidence's folder.
        service: the tests of Ubuntu's autopkgtest service that stand in place of local ones.
    """
    change = next((tag for tag in checklist.tags if tag.series == series), None)
    proofs = tests(recipe, evidence, facts, series, service)
    title = "Verification done" if change else "Verification NOT complete"
    lines = [f"{title} for {series}.", ""]
    lines += ["Packages tested, as apt policy has them:"]
    lines += _policy(recipe, evidence, facts, series)
    lines += ["", "Tests:"]
    for proof in proofs:
        ran = (service or {}).get(proof.step) or evidence.step(proof.step)
        outcome = ""
        if ran is not None:
            detail = verdict.text(ran.verdict)
            outcome = verdict.kind(ran.verdict) + (f", {detail}" if detail else "")
        lines.append(f"  {proof.source} {proof.test}: {outcome or 'not run'}")
        if proof.lacks:
            lines.append(f"    does not count: {proof.lacks}")
        if proof.sha256:
            lines.append(f"    log sha256 {proof.sha256}")
    commands = _commands(folder, evidence, series)
    if commands:
        lines += ["", "Commands:", *(f"  {command}" for command in commands)]
    base = evidence.base(series)
    lines += [
        "",
        f"Base: {base.kind} ({base.suite})." if base else "Base: none.",
        f"Evidence: {evidence.name}.tar.zst, sha256 {checklist.sha256}",
    ]
    return printable("\n".join(lines))


def _policy(recipe: Recipe, evidence: Manifest, facts: Facts, series: str) -> list[str]:
    lines: list[str] = []
    place = recipe.one_series(series)
    for source in recipe.sources:
        pair = (source.name, series)
        build = evidence.step(StepId("build", series, source.name))
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
    shown: list[str] = []
    for step in evidence.steps:
        if (step.kind, step.series) == ("test", series) and not step.control:
            recorded = _recorded(folder, step)
            shown += [shlex.join(words) for words in recorded if "autopkgtest" in words]
    return shown


def _recorded(folder: Path, step: StepRecord) -> list[tuple[str, ...]]:
    path = folder / step.folder / programs.FILE
    with suppress(InputError), reading(path):
        lines = records.read_bytes(path).splitlines()
        found = [json.loads(line).get("args", []) for line in lines]
        return [records.decode(tuple[str, ...], one) for one in found]
    return []
