"""Run one step of the evidence again, from the evidence's own inputs, and compare.

Steps that fetch and make source packages need nothing else. Builds, checks and tests need the base
that they ran on: a prepared one in a work folder of this machine, which running a base step again
puts there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backport.build.sbuild import remove_tree
from backport.engine import owner, verdict
from backport.engine.outputs import DEPENDENCIES
from backport.engine.step import KINDS, Step, StepId
from backport.engine.store import Outcome, Store
from backport.engine.verdict import Verdict
from backport.environments import choose, prepared
from backport.environments.base import PreparedBase
from backport.errors import InputError, UsageError
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.run import plan
from backport.run.actions import Actions, Options
from backport.run.plan import Selection
from backport.source.files import sha256_of
from backport.sru import check
from backport.sru.manifest import BaseRecord, Manifest, StepRecord

# What a build writes beside the packages, with its date in it.
_DATED = (".buildinfo", ".changes")
# What these steps read is all of it in the evidence.
_READ_INPUTS = ("fetch", "source", "test")


@dataclass(frozen=True)
class Again:
    """A step that ran again: both verdicts, and its outputs by whether they are the same bytes.

    `dated` differ since they hold the date of the build, or the paths of this machine; that is no
    fault. Of a base its packages' versions are compared.
    """

    step: str
    recorded: Verdict
    now: Verdict
    same: tuple[str, ...]
    different: tuple[str, ...]
    dated: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether it ended as it is recorded, with the same outputs."""
        return verdict.kind(self.now) == verdict.kind(self.recorded) and not self.different


def rerun(path: Path, name: str, cache: Path, *, work: Path | None, offline: bool = False) -> Again:
    """Run the step `name` of the evidence at `path` again.

    Parameters:
        cache: the folder of downloads. work: a work folder with prepared bases; None for none.
            A base step that runs again leaves its base there, unless there is one.
        offline: fetch nothing.

    Raises:
        UsageError: there is no such step.
        InputError: the evidence is faulty, or the base is not at hand.
    """
    evidence = check.sound(path, "nothing of it is run")
    record = _wanted(evidence, name)
    with owner.temporary("rerun-") as scratch, check.opened(path) as folder:
        scratch.chmod(0o755)  # build users read what is in here
        try:
            return _run(folder, evidence, record, scratch, cache=cache, work=work, offline=offline)
        finally:
            remove_tree(scratch)


def _wanted(evidence: Manifest, name: str) -> StepRecord:
    record, last = evidence.step(name), evidence.steps[-1].name
    if record is None:
        raise UsageError(
            f"the evidence has no step {name!r}",
            where="--rerun",
            advice=f"name one of its {len(evidence.steps)} steps, such as {last}",
        )
    if not record.key:
        raise InputError(
            f"this step never ran: {verdict.text(record.verdict)}",
            where=name,
            advice="name a step that did",
        )
    if record.kind not in KINDS:
        raise InputError(
            f"this toolkit has no steps of the kind {record.kind}",
            where=name,
            advice=f"use the toolkit that made the evidence ({evidence.toolkit})",
        )
    return record


def _run(
    folder: Path,
    evidence: Manifest,
    record: StepRecord,
    scratch: Path,
    *,
    cache: Path,
    work: Path | None,
    offline: bool,
) -> Again:
    beside = scratch / check.INPUTS
    shutil.copytree(folder / check.INPUTS, beside)
    recipe = versions.as_made(check.recipe_of(beside, evidence), evidence.versions)
    _same_inputs(recipe, evidence, record)
    needed = [need for need in map(evidence.step, record.needs) if need is not None]
    needs = {one.id: _need(one.id, folder, evidence, work) for one in needed}
    step = Step(record.id, tuple(needs), record.inputs, record.control)
    options = Options(cache, offline)
    if record.kind == "base":
        recorded = evidence.base(record.series)
        base, _ = choose.choose(recipe, recorded.kind if recorded else "", offline=offline)
        actions = Actions(recipe, Store(work or scratch / "work"), base, options)
        return _base_again(actions, step, record, recorded, needs)
    store = Store(scratch / "work")
    if record.kind == "dependencies":
        # A run keeps the dependencies of an earlier one, where they will do.
        store.folder(step.id).mkdir(parents=True)
        shutil.copy(folder / record.folder / DEPENDENCIES, store.folder(step.id))
    base, _ = choose.choose(recipe, "stand-in")  # none is prepared here
    out = store.scratch(step.id)
    outcome = Actions(recipe, store, base, options).table()[record.kind](step, out, needs)
    return _compared(record, outcome, out)


def _compared(record: StepRecord, outcome: Outcome, out: Path) -> Again:
    same, different, dated = [], [], []
    for name, digest in record.outputs.items():
        path = out / name
        if path.is_file() and sha256_of(path) == digest:
            same.append(name)
        elif path.is_file() and path.suffix in _DATED and record.kind == "build":
            dated.append(name)
        else:
            different.append(name)
    different += sorted({*outcome.outputs} - record.outputs.keys())
    return Again(
        record.name, record.verdict, outcome.verdict, tuple(same), tuple(different), tuple(dated)
    )


def _same_inputs(recipe: Recipe, evidence: Manifest, record: StepRecord) -> None:
    """Refuse inputs in the evidence that are not those which the step has read."""
    if record.kind not in _READ_INPUTS:
        return
    now = plan.make(recipe, Selection(long=True), "").get(record.id)
    if now is None or now.inputs != record.inputs:
        raise InputError(
            "the inputs in the evidence are not those that this step has read",
            where=record.name,
            advice=f"use the toolkit that made it ({evidence.toolkit}), or get the evidence anew",
        )


def _base_again(
    actions: Actions,
    step: Step,
    record: StepRecord,
    recorded: BaseRecord | None,
    needs: Mapping[StepId, Path],
) -> Again:
    """Prepare a base anew, and compare what it is of and the versions of its packages."""
    store, began = actions.store, time.time()
    with store.locked(), store.temporary(f"again/{step.id}") as out:
        outcome = actions.prepare_base(step, out, needs)
        other = _other_than(prepared.read(out), recorded)
        if not other and store.last(step.id) is None:
            kept = store.scratch(step.id)
            shutil.copy(out / prepared.FILE, kept)
            store.commit(step.id, record.key, outcome, kept, began)
    different = (f"{prepared.FILE} ({other})",) if other else ()
    dated = () if other else (prepared.FILE,)
    return Again(record.name, record.verdict, outcome.verdict, (), different, dated)


def _need(need: StepId, folder: Path, evidence: Manifest, work: Path | None) -> Path:
    """The folder with the outputs of a step: from the evidence, a base from the work folder."""
    if need.kind != "base":
        return folder / "steps" / str(need)
    recorded = evidence.base(need.series)
    there = work / str(need) if work is not None else None
    if there is None or not (there / prepared.FILE).is_file():
        raise InputError(
            "this step needs the base that it ran on, which is not part of the evidence "
            f"({recorded.kind if recorded else 'unknown'}, {need.series})",
            where=str(need),
            advice="name a work folder that has it with --work; `backport run` prepares it, and so "
            f"does: backport evidence check FILE --rerun {need} --work DIR",
        )
    other = _other_than(prepared.read(there), recorded)
    if other:
        raise InputError(
            f"the base in the work folder is not the evidence's: {other}",
            where=str(need),
            advice="name another work folder with --work",
        )
    return there


def _other_than(base: PreparedBase, recorded: BaseRecord | None) -> str:
    """In what a base is another one than the evidence's; "" for the same."""
    if recorded is None:
        return "the evidence does not say which one it was"
    if (base.kind, base.suite) != (recorded.kind, recorded.suite):
        return f"{base.kind} ({base.suite}), not {recorded.kind} ({recorded.suite})"
    mine = {(one.package, one.base_version) for one in base.differing}
    theirs = {(package, version) for package, _, version in recorded.differing}
    if mine != theirs:
        package, version = min(mine ^ theirs)
        return f"other versions, such as {package} {version}, which is in one of them only"
    return ""
