"""Check evidence on any machine: every hash, the chain of the steps, completeness, signature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backport.engine import owner, programs, records, verdict
from backport.errors import InputError, reading
from backport.recipe import reader
from backport.recipe.model import Recipe
from backport.source.files import sha256_of
from backport.sru import archive, manifest, signature
from backport.sru.manifest import Manifest, StepRecord
from backport.sru.signature import Signed

INPUTS = "inputs"
"""The folder of the recipe, and of what lies beside it."""
# What a step of a kind cannot have ended without, whatever its verdict.
_LOGS = {"build": "build.log", "test": "log"}


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with evidence: the file or step, and what it is."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True)
class Checked:
    """Evidence that was looked at: its table of contents, what is wrong, who signed it.

    `sha256` is the archive's, "" for a folder. `notes` say what could not be known.
    """

    manifest: Manifest
    faults: tuple[Fault, ...]
    signed: Signed
    sha256: str
    notes: tuple[str, ...] = ()


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of the evidence at `path`: itself, or what the archive holds, for a while.

    Raises:
        InputError: there is no evidence there, or the archive is damaged.
    """
    if path.is_dir():
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
    path = folder / manifest.FILE
    if not path.exists():
        raise InputError(
            f"this is no evidence: it has no {manifest.FILE}",
            where=str(folder),
            advice="name the folder or .tar.zst file that `backport evidence` made",
        )
    with reading(manifest.FILE, advice="get the evidence anew"):
        return manifest.read(records.read_bytes(path), manifest.FILE)


def recipe_of(inputs: Path, contents: Manifest) -> Recipe:
    """The recipe of evidence, with the files of tests that its run had.

    Parameters:
        inputs: the evidence's folder of inputs, or a copy.

    Raises:
        RecipeError: it cannot be read.
    """
    matrix = [inputs / name for name in contents.matrix]
    return reader.load(inputs / contents.recipe, alone=True, matrix=matrix)


def check(path: Path, *, keyring: Path | None = None) -> Checked:
    """Check evidence whole; what is wrong with its files is in the result, file by file.

    Parameters:
        path: its folder or archive.
        keyring: public keys that must have signed it; without one the user's own keys are
            asked, and a signature of an unknown key is no fault.

    Raises:
        InputError: there is no evidence, the archive is damaged, or the manifest was changed.
    """
    with opened(path) as folder:
        contents = load(folder)
        faults = [*_files(folder, contents), *_steps(folder, contents)]
        signed = signature.verify(folder, keyring)
    if signed.state == "bad":
        faults.append(Fault(manifest.SIGNATURE, "the signature is not one of this manifest"))
    if keyring is not None and signed.state in ("none", "unknown key"):
        what = "it is not signed" if signed.state == "none" else f"signed by {signed.key}"
        faults.append(Fault(manifest.SIGNATURE, f"{what}, and not by a key of {keyring.name}"))
    notes = []
    if contents.unrecorded:
        notes.append(
            f"for {len(contents.unrecorded)} files nothing says what they were when their step "
            "ended: an older toolkit ran it"
        )
    if signed.state == "unknown key":
        notes.append(f"it is signed by the key {signed.key}, which is not known here")
    digest = sha256_of(path) if path.is_file() else ""
    return Checked(contents, tuple(faults), signed, digest, tuple(notes))


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
            f"the evidence is faulty, so {what} ({checked.faults[0]})",
            where=str(path),
            advice="get the evidence anew, or run: backport evidence",
        )
    return checked.manifest


def _files(folder: Path, contents: Manifest) -> Iterator[Fault]:
    for name, content in contents.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield Fault(name, "it is missing")
            continue
        size = path.stat().st_size
        if size < content.size:
            yield Fault(name, f"it is cut off: {size} of {content.size} bytes are there")
            continue
        if sha256_of(path) != content.sha256:
            yield Fault(name, "it was changed: it does not have the sha256 of the manifest")
        elif bool(path.stat().st_mode & 0o100) != content.executable:
            yield Fault(name, "it was changed: its mode is not that of the manifest")
    own = {manifest.FILE, manifest.SIGNATURE}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (path.is_symlink() or not path.is_dir()) and name not in own | contents.files.keys():
            yield Fault(name, "the manifest does not know this file")


def _steps(folder: Path, contents: Manifest) -> Iterator[Fault]:
    """What the steps say of each other, and whether each left what its kind leaves."""
    digests = {one.name: one.digest for one in contents.steps}
    for step in contents.steps:
        if missing := [need for need in step.needs if need not in digests]:
            yield Fault(step.name, f"the step that it needs is not there: {missing[0]}")
            continue
        if not step.key:
            if step.passed:
                yield Fault(step.name, "it passed, but it has no key: it never ran")
            continue
        if step.passed and step.key != step.expected_key(digests):
            yield Fault(step.name, "its key is not that of its inputs: evidence of another run")
        if step.digest != step.expected_digest():
            yield Fault(step.name, "its outputs are not those that its hash speaks of")
        yield from _outputs(step, contents)
        yield from _logs(step, folder, contents)


def _outputs(step: StepRecord, contents: Manifest) -> Iterator[Fault]:
    for name, digest in step.outputs.items():
        content = contents.files.get(f"{step.folder}/{name}")
        if content is None:
            yield Fault(f"{step.folder}/{name}", "it is an output of its step, and missing")
        elif (content.recorded or content.sha256) != digest:
            yield Fault(f"{step.folder}/{name}", "it is not the output that its step recorded")


def _logs(step: StepRecord, folder: Path, contents: Manifest) -> Iterator[Fault]:
    log = _LOGS.get(step.kind)
    ran = step.kind != "test" or verdict.kind(step.verdict) != "broken"
    if log and ran and step.passed and f"{step.folder}/{log}" not in contents.files:
        yield Fault(step.name, f"it passed, but its log is missing: {log}")
    name = f"{step.folder}/{programs.FILE}"
    if name in contents.files:
        try:
            with reading(name):
                for line in records.read_bytes(folder / name).splitlines():
                    json.loads(line)
        except InputError:
            yield Fault(name, "the record of its commands cannot be read")
