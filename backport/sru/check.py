"""Read and check evidence on any machine: every hash, the chain of the steps, completeness."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backport.engine import owner, programs, records
from backport.engine.step import StepId
from backport.engine.store import outputs_digest, step_key
from backport.errors import InputError, reading
from backport.launchpad.autopkgtest import verdicts
from backport.launchpad.autopkgtest.verdicts import ServiceTests
from backport.recipe import reader
from backport.recipe.model import Recipe
from backport.run import plan
from backport.source.files import sha256_of
from backport.sru import archive, manifest
from backport.sru.manifest import Manifest, StepRecord

INPUTS = "inputs"
"""The folder of the recipe, and of what lies beside it."""
RECORDS = "records"
"""The folder of what other commands know of the update."""
# What a step of a kind cannot have ended without, whatever its verdict.
_LOGS = {"build": "build.log", "test": "log"}


@dataclass(frozen=True)
class Defect:
    """Something that is wrong with evidence: the file or step, and what it is."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True)
class Checked:
    """Evidence that was looked at: its table of contents, and what is wrong.

    `sha256` is the archive's, "" for a folder.
    """

    manifest: Manifest
    faults: tuple[Defect, ...]
    sha256: str


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of the evidence at `path`: itself, or what the archive holds, for a while.

    Raises:
        InputError: there is no evidence there, or the archive is damaged.
    """
    if (path / manifest.FILE).is_file():
        yield path
        return
    if not path.is_file():
        raise InputError(
            "there is no evidence here", where=str(path), advice="name its folder or .tar.zst file"
        )
    with owner.temporary("evidence-") as scratch:
        yield archive.unpack(path, scratch)


def load(folder: Path) -> Manifest:
    """The manifest in a folder of evidence.

    Raises:
        InputError: it is missing, damaged or was changed.
    """
    with reading(manifest.FILE, advice="get the evidence anew"):
        return manifest.read(records.read_bytes(folder / manifest.FILE), manifest.FILE)


def recipe_of(inputs: Path, contents: Manifest) -> Recipe:
    """The recipe of evidence, with the files of tests that its run had.

    Parameters:
        inputs: the evidence's folder of inputs, or a copy.

    Raises:
        RecipeError: it cannot be read.
    """
    matrix = [inputs / name for name in contents.matrix]
    return reader.load(inputs / contents.recipe, in_evidence=True, matrix=matrix)


def other_inputs(
    recipe: Recipe, steps: Mapping[StepId, tuple[tuple[str, str], ...]]
) -> StepId | None:
    """The first of the steps that has not read what the recipe, and what is beside it, hold now.

    Parameters:
        steps: what each has read; of what others than fetch, source and test read is not all there.
    """
    now = plan.make(recipe, plan.Selection(long=True), "")
    for step, inputs in steps.items():
        known = step in now and now[step].inputs == inputs
        if step.kind in ("fetch", "source", "test") and not known:
            return step
    return None


def service_tests(folder: Path, evidence: Manifest) -> ServiceTests:
    """What Ubuntu's autopkgtest service said of the source packages of this evidence.

    The evidence keeps what each step came to here and what the service said; the sha256 of the
    update's own .dsc joins the two.

    Parameters:
        folder: the evidence's folder, already checked.

    Raises:
        InputError: a record is damaged.
    """
    own = {
        (step.id.source, step.id.series): digest
        for step in evidence.steps
        if step.id.kind == "source" and not step.id.variant
        for name, digest in step.outputs.items()
        if name.endswith(".dsc")
    }
    every = verdicts.read(folder / RECORDS, own)
    # The summary of a work folder may have runs of another recipe.
    return replace(every, runs=tuple(run for run in every.runs if run[0].pair in own))


def commands(folder: Path, step: StepRecord) -> list[tuple[str, ...]]:
    """The arguments of each command that a step ran, as far as there is a record of them.

    Parameters:
        folder: the evidence's folder.

    Raises:
        InputError: the record cannot be read.
    """
    path = folder / step.folder / programs.FILE
    if not path.is_file():
        return []
    with reading(path):
        lines = map(json.loads, records.read_bytes(path).splitlines())
        return [records.decode(tuple[str, ...], line["args"]) for line in lines if "args" in line]


def check(path: Path) -> Checked:
    """Check evidence whole; what is wrong with its files is in the result, file by file.

    Parameters:
        path: its folder or archive.

    Raises:
        InputError: there is no evidence, the archive is damaged, or the manifest was changed.
    """
    with opened(path) as folder:
        contents = load(folder)
        faults = (*_files(folder, contents), *_steps(folder, contents))
    return Checked(contents, faults, sha256_of(path) if path.is_file() else "")


def sound(path: Path, what: str) -> Manifest:
    """The manifest of evidence in which nothing is wrong.

    Parameters:
        what: what is not done with faulty evidence, such as "nothing is reported from it".

    Raises:
        InputError: something is wrong with it; as `check` otherwise.
    """
    checked = check(path)
    if checked.faults:
        raise InputError(
            f"the evidence is faulty, so {what}: {checked.faults[0].what}",
            where=checked.faults[0].place,
            advice="get the evidence anew, or run: backport evidence",
        )
    return checked.manifest


def _files(folder: Path, contents: Manifest) -> Iterator[Defect]:
    for name, content in contents.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield Defect(name, "it is missing")
        elif (path.stat().st_size, sha256_of(path)) != (content.size, content.sha256):
            yield Defect(name, "it was changed: its size or sha256 is not that of the manifest")
        elif bool(path.stat().st_mode & 0o100) != content.executable:
            yield Defect(name, "it was changed: its mode is not that of the manifest")
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        known = name in contents.files or name == manifest.FILE
        if (path.is_symlink() or not path.is_dir()) and not known:
            yield Defect(name, "the manifest does not know this file")


def _steps(folder: Path, contents: Manifest) -> Iterator[Defect]:
    """What the steps say of each other, and whether each left what its kind leaves."""
    digests = {one.id: one.record.digest for one in contents.steps}
    for step in contents.steps:
        name, record, needs = str(step), step.record, step.step.needs
        if missing := [need for need in needs if need not in digests]:
            yield Defect(name, f"the step that it needs is not there: {missing[0]}")
            continue
        if not record.key:
            if step.passed:
                yield Defect(name, "it passed, but it has no key: it never ran")
            continue
        read = {need: digests[need] for need in needs}
        if step.passed and record.key != step_key(step.step, read):
            yield Defect(name, "its key is not that of its inputs: evidence of another run")
        if record.digest != outputs_digest(record.outputs):
            yield Defect(name, "its outputs are not those that its hash speaks of")
        for output, digest in step.outputs.items():
            path = f"{step.folder}/{output}"
            content = contents.files.get(path)
            if content is None or (content.sha256 != digest and not content.removed):
                yield Defect(path, "it is not the output that its step recorded")
        yield from _logs(step, folder, contents)


def _logs(step: StepRecord, folder: Path, contents: Manifest) -> Iterator[Defect]:
    log = _LOGS.get(step.id.kind)
    if log and step.passed and f"{step.folder}/{log}" not in contents.files:
        yield Defect(str(step), f"it passed, but its log is missing: {log}")
    try:
        commands(folder, step)
    except InputError:
        yield Defect(f"{step.folder}/{programs.FILE}", "the record of its commands cannot be read")
