"""Whether evidence proves that the tests of a series passed with the packages in -proposed.

By hash and by nothing else: the .deb files that a test was given are the ones that Launchpad
publishes, of exactly that version; the base was Ubuntu's; every test of the recipe ran, passed,
and its controls saw the harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from backport.engine import verdict
from backport.engine.step import StepId
from backport.launchpad.autopkgtest.verdicts import SERVICE, ServiceTest
from backport.recipe.model import Recipe
from backport.run.plan import Selection, wanted_tests
from backport.sru import check
from backport.sru.facts import Facts
from backport.sru.manifest import Manifest, StepRecord


@dataclass(frozen=True)
class Proof:
    """A test of a source in a series: `lacks` is "" where it is proved, else why it is not.

    `log` is the log's path in the evidence, `sha256` that file's.
    """

    step: StepId
    lacks: str
    log: str = ""
    sha256: str = ""
    advice: str = ""

    @property
    def test(self) -> str:
        """The test's name; a control's ends in its variant."""
        return self.step.test + (f"+{self.step.variant}" if self.step.variant else "")


@dataclass(frozen=True)
class Proofs:
    """What can prove an update: its evidence, which was checked, and what Launchpad says.

    `folder` is the evidence's, `sha256` the hash of its archive.
    """

    recipe: Recipe
    folder: Path
    evidence: Manifest
    facts: Facts
    sha256: str

    @cached_property
    def service(self) -> Mapping[StepId, ServiceTest]:
        """The tests of Ubuntu's autopkgtest service that stand in place of local ones."""
        return check.service_tests(self.folder, self.evidence).tests

    def of(self, series: str) -> tuple[Proof, ...]:
        """The proof of every test that the recipe has for a series, its controls included."""
        steps: list[StepId] = []
        for row in wanted_tests(self.recipe, series, Selection()):
            test = StepId("test", series, row.source, test=row.name)
            controls = (replace(test, variant=one.variant, test=one.test) for one in row.controls)
            steps += [test, *controls]
        return tuple(self._in_place(self._of_step(step)) for step in steps)

    def _in_place(self, proof: Proof) -> Proof:
        """The proof, where the service has run that test too: what it says comes first.

        Its pass is one of the PPA's packages, so it proves nothing of those in -proposed: only what
        ran with these does, and that only if the service did not see the test fail.
        """
        there = self.service.get(proof.step)
        if there is None:
            return proof
        log, digest = self._file(f"{check.RECORDS}/{there.worst.file}")
        state, words = verdict.kind(there.verdict), verdict.text(there.verdict)
        if state != "passed":
            advice = f"Look at its log: {there.worst.log_address}"
            return Proof(proof.step, f"{state}: {words}", log, digest, advice)
        if not proof.lacks:
            return proof
        lacks = (
            f"passed on {SERVICE} with {there.worst.version} of the PPA, and not with the packages "
            f"in {proof.step.series}-proposed"
        )
        return Proof(proof.step, lacks, log, digest, _RUN)

    def _of_step(self, test: StepId) -> Proof:
        step = self.evidence.step(test)
        if step is None:
            return Proof(test, "it is not in the evidence", advice=_RUN)
        place = self._file(f"{step.folder}/log")
        state, words = verdict.kind(step.verdict), verdict.text(step.verdict)
        if state == "skipped":
            return Proof(test, f"skipped, which is no pass: {words}", *place, _RUN)
        if state != "passed":
            return Proof(test, f"{state}: {words}", *place, "Look at its log.")
        base = self.evidence.base(test.series)
        if base is None or base.kind != "ubuntu":
            kind = f"{base.kind} ({base.suite})" if base else "an unknown base"
            return Proof(test, f"passed on {kind} only, not on Ubuntu", *place, _RUN)
        lacks = self._packages(step)
        return Proof(test, lacks, *place, _RUN if lacks else "")

    def _file(self, name: str) -> tuple[str, str]:
        """A file of the evidence and its sha256; twice "" where there is none."""
        content = self.evidence.files.get(name)
        return (name, content.sha256) if content else ("", "")

    def _packages(self, step: StepRecord) -> str:
        """Why the packages that a test was given are not those in -proposed; "" if they are.

        A control has packages of its own in place of some; the others are the same. Packages that
        are made for tests only, such as old versions, are nobody's upload.
        """
        own = {source.name for source in self.recipe.sources}
        needs = [need for need in map(self.evidence.step, step.step.needs) if need is not None]
        builds = [need for need in needs if need.id.kind == "build" and need.id.source in own]
        if step.step.control:
            builds = [one for one in builds if not one.id.variant]
        elif not builds:
            return "passed, but with no package of this update"
        for build in builds:
            source, series = pair = (build.id.source, build.id.series)
            there = self.facts.in_pocket(pair, "Proposed")
            made = self.evidence.versions.get(f"{series}/{source}", "")
            if there is None:
                if pair in self.facts.publications:
                    return f"passed, but {source} is not in {series}-proposed"
                return f"passed, but what {series}-proposed has of {source} is not known"
            if there.version != made:
                return (
                    f"passed, but with {source} {made}, and {series}-proposed has "
                    f"{there.version}: evidence of another version"
                )
            published = {one.sha256 for one in self.facts.binaries.get(pair, ()) if one.sha256}
            debs = {name: one for name, one in build.outputs.items() if name.endswith(".deb")}
            strange = sorted(name for name, digest in debs.items() if digest not in published)
            if strange or not debs:
                name = strange[0] if strange else source
                return (
                    f"passed, but {name} is not the file that is published: it was built elsewhere"
                )
        return ""


_RUN = "Run it on Ubuntu with the published packages: scripts/verify-sru --test."
