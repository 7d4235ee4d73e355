"""Run one step of the evidence again, from the evidence's own inputs, and compare.

Steps that fetch and make source packages need nothing else. Builds and tests also need the base
that they ran on: a prepared one in a work folder of this machine.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from backport import recipe_file, verdict
from backport.actions import Actions, Options
from backport.archive import choose
from backport.errors import InputError, UsageError
from backport.outputs import PREPARED, read_prepared
from backport.sru import check
from backport.sru.manifest import Manifest, StepRecord
from backport.step import Step
from backport.store import Store
from backport.verdict import Verdict

_KINDS = ("fetch", "source", "wanted", "check", "build", "test")
# What a build writes beside the packages, with its date in it.
_DATED = (".buildinfo", ".changes")


@dataclass(frozen=True)
class Again:
    """A step that ran again: both verdicts, and its outputs by whether they are the same bytes.

    `dated` differ since they hold the date of the build; that is no fault.
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
        offline: fetch nothing.

    Raises:
        UsageError: there is no such step, or its kind is not one that can run alone.
        InputError: the evidence is faulty, or the base is not at hand.
    """
    checked = check.check(path)
    if checked.faults:
        raise InputError(
            f"the evidence is faulty, so nothing of it is run ({checked.faults[0]})",
            where=str(path),
            advice="get the evidence anew",
        )
    record = _wanted(checked.manifest, name)
    scratch = Path(tempfile.mkdtemp(prefix="rerun-"))
    try:
        scratch.chmod(0o755)  # build users read what is in here
        with check.opened(path) as folder:
            return _run(
                folder,
                checked.manifest,
                record,
                scratch,
                cache=cache,
                work=work,
                offline=offline,
            )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _wanted(found: Manifest, name: str) -> StepRecord:
    record = found.step(name)
    if record is None:
        raise UsageError(
            f"the evidence has no step {name!r}",
            where="--rerun",
            advice=f"name one of its {len(found.steps)} steps, such as {found.steps[-1].name}",
        )
    if record.kind not in _KINDS:
        raise UsageError(
            "a base is prepared from an archive, not from the evidence",
            where=name,
            advice="run: backport run",
        )
    if not record.key:
        raise InputError(
            f"this step never ran: {verdict.text(record.verdict)}",
            where=name,
            advice="name a step that did",
        )
    return record


def _run(
    folder: Path,
    found: Manifest,
    record: StepRecord,
    scratch: Path,
    *,
    cache: Path,
    work: Path | None,
    offline: bool,
) -> Again:
    inputs = scratch / "inputs"
    shutil.copytree(folder / "inputs", inputs)
    (file,) = (path for path in inputs.iterdir() if path.suffix == ".toml")
    recipe = recipe_file.load(file)
    needs = {need: _need(need, folder, found, work) for need in record.needs}
    store = Store(scratch / "work")
    base, _ = choose.choose(recipe, "stand-in")  # no step that runs here prepares one
    actions = Actions(recipe, store, base, Options(cache, offline)).table()
    step = Step(
        record.kind,
        record.series,
        record.source,
        record.test,
        record.variant,
        record.needs,
        record.inputs,
        record.control,
    )
    out = store.scratch(step.name)
    outcome = actions[step.kind](step, out, needs)
    same, different, dated = [], [], []
    for name, digest in record.outputs.items():
        path = out / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            same.append(name)
        elif path.is_file() and path.suffix in _DATED and record.kind == "build":
            dated.append(name)
        else:
            different.append(name)
    different += sorted({*outcome.outputs} - record.outputs.keys())
    return Again(
        step.name, record.verdict, outcome.verdict, tuple(same), tuple(different), tuple(dated)
    )


def _need(need: str, folder: Path, found: Manifest, work: Path | None) -> Path:
    """The folder with the outputs of a step: from the evidence, a base from the work folder."""
    if not need.startswith("base/"):
        return folder / "steps" / need
    series = need.partition("/")[2]
    recorded = found.base(series)
    there = work / need if work is not None else None
    if there is None or not (there / PREPARED).is_file():
        raise InputError(
            "this step needs the base that it ran on, which is not part of the evidence "
            f"({recorded.kind if recorded else 'unknown'}, {series})",
            where=need,
            advice="name a work folder that has it with --work; `backport run` prepares it",
        )
    prepared = read_prepared(there)
    mine = {(one.package, one.base_version) for one in prepared.differing}
    theirs = (
        {(package, version) for package, _, version in recorded.differing} if recorded else set()
    )
    if recorded is None or (prepared.kind, prepared.suite) != (recorded.kind, recorded.suite):
        raise InputError(
            f"the base in the work folder is {prepared.kind} ({prepared.suite}), and the "
            f"evidence's was {f'{recorded.kind} ({recorded.suite})' if recorded else 'unknown'}",
            where=need,
            advice="name another work folder with --work",
        )
    if mine != theirs:
        package, version = min(mine ^ theirs)
        raise InputError(
            f"the base in the work folder has other versions than the evidence's ({package} "
            f"{version} is in one of them only)",
            where=need,
            advice="name another work folder with --work",
        )
    return there
