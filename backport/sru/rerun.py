"""Run one step of the evidence again, from the evidence's own inputs, and compare.

Steps that fetch and make source packages need nothing else. Builds, checks and tests need the base
that they ran on: a prepared one in a work folder of this machine.
"""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from backport.engine import execute, owner, verdict
from backport.engine.outputs import DEPENDENCIES
from backport.engine.process import Runner
from backport.engine.step import StepId
from backport.engine.store import Outcome, Store
from backport.engine.verdict import Verdict
from backport.environments import choose, prepared
from backport.environments.chroot import remove_tree
from backport.errors import InputError, UsageError
from backport.recipe import versions
from backport.run.actions import Actions, Options
from backport.source.files import sha256_of
from backport.sru import check
from backport.sru.manifest import Manifest, StepRecord

# What a build writes beside the packages, with its date and the machine's paths in it.
_DATED = (".buildinfo", ".changes")


@dataclass(frozen=True)
class Rerun:
    """A step that ran again: both verdicts, and its outputs by whether they are the same bytes.

    `exit_code` is that of what hindered it, else 0.
    """

    step: str
    recorded: Verdict
    now: Verdict
    exit_code: int
    same: tuple[str, ...]
    different: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether it ended as it is recorded, with the same outputs; broken tells nothing."""
        now = verdict.kind(self.now)
        return now == verdict.kind(self.recorded) != "broken" and not self.different


def rerun(path: Path, name: str, cache: Path, *, work: Path | None, offline: bool = False) -> Rerun:
    """Run the step `name` of the evidence at `path` again.

    Parameters:
        cache: the folder of downloads. work: a work folder with prepared bases; None for none.
        offline: fetch nothing.

    Raises:
        UsageError: there is no such step.
        InputError: the evidence is faulty, or the base is not at hand. MachineError: another
            command has the work folder.
    """
    # What is missing beside its base is made there.
    held = Store(work).locked() if work and work.is_dir() else nullcontext()
    with held, owner.temporary("rerun-") as scratch, check.opened(path) as folder:
        evidence = check.sound(folder, "nothing of it is run")
        record = _wanted(evidence, name)
        scratch.chmod(0o755)  # build users read what is in here
        try:
            options = Options(cache, offline)
            outcome, out = _run(folder, evidence, record, scratch, options=options, work=work)
            return _compared(record, outcome, out)
        finally:
            remove_tree(scratch)


def _wanted(evidence: Manifest, name: str) -> StepRecord:
    record = evidence.step(name)
    if record is None or not record.folder or record.id.kind == "base":
        ran = [one for one in evidence.steps if one.folder and one.id.kind != "base"]
        raise UsageError(
            f"the evidence has no step {name!r} that ran and can run again",
            where="--rerun",
            advice=f"name one of its {len(ran)} steps, such as {ran[-1] if ran else 'none'}",
        )
    return record


def _run(
    folder: Path,
    evidence: Manifest,
    record: StepRecord,
    scratch: Path,
    *,
    options: Options,
    work: Path | None,
) -> tuple[Outcome, Path]:
    beside = scratch / check.INPUTS
    shutil.copytree(folder / check.INPUTS, beside)
    recipe = versions.as_made(check.recipe_of(beside, evidence), evidence.versions)
    step, kind = record.step, record.id.kind
    if check.other_inputs(recipe, {step.id: step.inputs}):
        raise InputError(
            "the inputs in the evidence are not those that this step has read",
            where=str(record),
            advice=f"use the toolkit that made it ({evidence.toolkit}), or get the evidence anew",
        )
    needs = {need: _need(need, folder, evidence, work) for need in step.needs}
    store = Store(scratch / "work")
    if kind == "dependencies":
        # A run keeps the dependencies of an earlier one, where they will do.
        store.folder(step.id).mkdir(parents=True)
        shutil.copy(folder / record.folder / DEPENDENCIES, store.folder(step.id))
    base, _ = choose.choose(recipe, "stand-in")  # none is prepared here
    out = store.scratch(step.id)
    action = Actions(recipe, store, base, options).table()[kind]
    return execute.attempt(action, step, out, needs, Runner()), out


def _compared(record: StepRecord, outcome: Outcome, out: Path) -> Rerun:
    same, different = [], []
    for name, digest in record.outputs.items():
        path = out / name
        if path.is_file() and sha256_of(path) == digest:
            same.append(name)
        elif not (path.is_file() and path.suffix in _DATED and record.id.kind == "build"):
            different.append(name)
    different += sorted({*outcome.outputs} - record.outputs.keys())
    now, code = outcome.verdict, outcome.exit_code
    return Rerun(str(record), record.verdict, now, code, tuple(same), tuple(different))


def _need(need: StepId, folder: Path, evidence: Manifest, work: Path | None) -> Path:
    """The folder with the outputs of a step: from the evidence, a base from the work folder."""
    if need.kind != "base":
        return folder / "steps" / str(need)
    recorded = evidence.base(need.series)
    there = work / str(need) if work is not None else None
    if recorded is None or there is None or not (there / prepared.FILE).is_file():
        raise InputError(
            "this step needs the base that it ran on, which is not part of the evidence "
            f"({recorded.kind if recorded else 'unknown'}, {need.series})",
            where=str(need),
            advice="name a work folder that has it with --work; `backport run` prepares it",
        )
    base = prepared.read(there)
    mine, theirs = (
        {(one.package, one.base_version) for one in known.differing} for known in (base, recorded)
    )
    if (base.kind, base.suite) != (recorded.kind, recorded.suite) or mine != theirs:
        package, version = min(mine ^ theirs, default=(base.kind, base.suite))
        raise InputError(
            "the base in the work folder is not the evidence's: only one of them has "
            f"{package} {version}",
            where=str(need),
            advice="name another work folder with --work",
        )
    return there
