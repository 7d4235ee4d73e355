"""Whether evidence proves that the tests of a series passed with the packages in -proposed.

By hash and by nothing else: the .deb files that a test was given are the ones that Launchpad
publishes, of exactly that version; the base was Ubuntu's; every test of the recipe ran, passed,
and its controls saw the harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

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


def tests(
    recipe: Recipe,
    evidence: Manifest,
    facts: Facts,
    series: str,
    service: Mapping[StepId, ServiceTest] | None = None,
) -> tuple[Proof, ...]:
    """The proof of every test that the recipe has for a series, its controls included.

    Parameters:
        service: the tests of Ubuntu's autopkgtest service that stand in place of local ones.
    """
    proofs = []
    own = frozenset(source.name for source in recipe.sources)
    for row in wanted_tests(recipe, series, Selection()):
        test = StepId("test", series, row.source, test=row.name)
        proofs.append(_one(evidence, facts, test, own=own))
        for one in row.controls:
            control = replace(test, variant=one.variant, test=one.test)
            proofs.append(_one(evidence, facts, control, own=own, control=True))
    return tuple(_in_place(proof, evidence, service or {}) for proof in proofs)


def _in_place(one: Proof, evidence: Manifest, service: Mapping[StepId, ServiceTest]) -> Proof:
    """The proof, where the service has run that test too: what it says comes first.

    Its pass is one of the PPA's packages, so it proves nothing of those in -proposed: only what
    ran with these does, and that only if the service did not see the test fail.
    """
    there = service.get(one.step)
    if there is None:
        return one
    log = f"{check.RECORDS}/{there.worst.file}"
    content = evidence.files.get(log)
    log, digest = (log, content.sha256) if content else ("", "")
    words = verdict.text(there.verdict)
    if verdict.kind(there.verdict) != "passed":
        lacks = f"{verdict.kind(there.verdict)}: {words}"
        return replace(
            one,
            lacks=lacks,
            advice=f"Look at its log: {there.worst.log_address}",
            log=log,
            sha256=digest,
        )
    if not one.lacks:
        return one
    lacks = (
        f"passed on {SERVICE} with {there.worst.version} of the PPA, and not with the packages in "
        f"{one.step.series}-proposed"
    )
    return replace(one, lacks=lacks, advice=_RUN, log=log, sha256=digest)


def _one(
    evidence: Manifest, facts: Facts, test: StepId, *, own: frozenset[str], control: bool = False
) -> Proof:
    step = evidence.step(test)
    what = "control" if control else "test"
    if step is None:
        return Proof(test, f"this {what} is not in the evidence", advice=_RUN)
    log = f"{step.folder}/log" if step.folder else ""
    content = evidence.files.get(log)
    place = (log, content.sha256) if content else ("", "")
    state, words = verdict.kind(step.verdict), verdict.text(step.verdict)
    if state == "skipped":
        return Proof(test, f"skipped, which is no pass: {words}", *place, _RUN)
    if state != "passed":
        return Proof(test, f"{state}: {words}", *place, "Look at its log.")
    base = evidence.base(test.series)
    if base is None or base.kind != "ubuntu":
        kind = f"{base.kind} ({base.suite})" if base else "an unknown base"
        return Proof(test, f"passed on {kind} only, not on Ubuntu", *place, _RUN)
    lacks = _packages(step, evidence, facts, own=own, control=control)
    return Proof(test, lacks, *place, _RUN if lacks else "")


_RUN = "Run it on Ubuntu with the published packages: scripts/verify-sru --test."


def _packages(
    step: StepRecord, evidence: Manifest, facts: Facts, *, own: frozenset[str], control: bool
) -> str:
    """Why the packages that a test was given are not those in -proposed; "" if they are.

    A control has packages of its own in place of some; the others are the same. Packages that
    are made for tests only, such as old versions, are nobody's upload.

    Parameters:
        own: the sources that the update uploads.
    """
    needs = [need for need in map(evidence.step, step.needs) if need is not None]
    builds = [need for need in needs if need.kind == "build" and need.source in own]
    if control:
        builds = [one for one in builds if not one.variant]
    elif not builds:
        return "passed, but with no package of this update"
    for build in builds:
        pair = (build.source, build.series)
        there = facts.in_pocket(pair, "Proposed")
        made = evidence.versions.get(f"{build.series}/{build.source}", "")
        if there is None:
            if pair in facts.publications:
                return f"passed, but {build.source} is not in {build.series}-proposed"
            return f"passed, but what {build.series}-proposed has of {build.source} is not known"
        if there.version != made:
            return (
                f"passed, but with {build.source} {made}, and {build.series}-proposed has "
                f"{there.version}: evidence of another version"
            )
        published = {one.sha256 for one in facts.binaries.get(pair, ()) if one.sha256}
        debs = {name: one for name, one in build.outputs.items() if name.endswith(".deb")}
        strange = sorted(name for name, digest in debs.items() if digest not in published)
        if strange or not debs:
            name = strange[0] if strange else build.source
            return f"passed, but {name} is not the file that is published: it was built elsewhere"
    return ""
