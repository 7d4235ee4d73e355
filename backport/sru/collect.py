"""Put the evidence of a run together: its contents, their manifest and the archive."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from backport import __version__
from backport.engine import records, verdict
from backport.engine.step import Step
from backport.engine.store import RECORD, Record, Store
from backport.environments import prepared
from backport.errors import InputError, reading
from backport.launchpad.api import credentials
from backport.output import printable
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.sru import archive, check, manifest, scrub
from backport.sru.manifest import BaseRecord, Content, Manifest, StepRecord
from backport.sru.run_record import FOLDER, RunRecord

# What these steps make is what is uploaded or installed: it may not be changed.
_FIXED = ("fetch", "source", "build")


def collect(
    recipe: Recipe, store: Store, run: RunRecord, others: Sequence[Path], cache: Path
) -> str:
    """Make the folder and the archive; returns the folder's name. See `bundle.make`.

    Parameters:
        others: the records of other commands.
    """
    home = store.work / FOLDER
    recipe = versions.as_made(recipe, run.versions)
    if other := check.other_inputs(recipe, {step.id: step.inputs for step in run.steps}):
        raise InputError(
            "the recipe, or what lies beside it, was changed after this step had run",
            where=str(other),
            advice="run: backport run",
        )
    home.mkdir(parents=True, exist_ok=True)
    folders = {"WORK": store.work, "CACHE": cache, "RECIPE": recipe.root}
    paths = {name: path.resolve() for name, path in folders.items()}
    needles = scrub.needles(paths, scrub.kept_secrets(credentials.place()))
    scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    try:
        told = _Collector(scratch, needles).collect(recipe, store, run, others)
        (scratch / manifest.FILE).write_text(told.to_text())
        with reading(manifest.FILE, what="no evidence is made", advice="run fewer series at once"):
            records.read_bytes(scratch / manifest.FILE)
        packed = archive.pack(scratch, home / f".new-{told.name}{archive.SUFFIX}", told.name)
        folder, target = home / told.name, home / f"{told.name}{archive.SUFFIX}"
        if folder.exists():
            shutil.rmtree(folder)
        scratch.chmod(0o755)
        scratch.rename(folder)
        packed.replace(target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        for left in home.glob(f".new-*{archive.SUFFIX}"):
            left.unlink()
        raise
    return told.name


class _Collector:
    """Puts files into a new folder, and notes each."""

    def __init__(self, out: Path, needles: Sequence[scrub.Needle]) -> None:
        self._out = out
        self._needles = needles
        self._files: dict[str, Content] = {}
        self._links: dict[str, str] = {}

    def collect(
        self, recipe: Recipe, store: Store, run: RunRecord, others: Sequence[Path]
    ) -> Manifest:
        """Put all in, and return its manifest."""
        for path in _input_files(recipe):
            name = f"{check.INPUTS}/{path.relative_to(recipe.root)}"
            with reading(path, what="no evidence is made", advice="make it smaller"):
                content = records.read_bytes(path)
            self._put(name, path, content, fixed=False)
        for path in others:
            name = f"{check.RECORDS}/{path.relative_to(store.work)}"
            self._put(name, path, path.read_bytes(), fixed=False)
        steps = [self._step(step, store, run) for step in run.steps]
        bases = prepared.by_series(store, (step.id for step in run.steps))
        contents = Manifest(
            update=recipe.name,
            bug=recipe.bug,
            toolkit=__version__,
            bases=tuple(
                BaseRecord(series, base.kind, base.suite, base.differing)
                for series, base in bases.items()
            ),
            versions=run.versions,
            steps=tuple(steps),
            files=dict(sorted(self._files.items())),
            links=dict(sorted(self._links.items())),
            recipe=recipe.path.name,
            matrix=run.matrix,
        )
        # A verdict's words may have a path in them.
        scrubbed = scrub.scrub(json.dumps(contents.data()).encode(), self._needles)
        if not scrubbed.removed:
            return contents
        data = json.loads(scrubbed.content)
        data["sha256"] = manifest.digest_of(data)
        clean = json.dumps(data, indent=1, sort_keys=True) + "\n"
        return manifest.read(clean.encode(), manifest.FILE)

    def _step(self, step: Step, store: Store, run: RunRecord) -> StepRecord:
        key, kind, _ = run.ended[str(step.id)]
        if not key:
            skipped = verdict.Skipped("a step that it needs did not pass")
            return StepRecord(step, Record(str(step.id), "", skipped, 0, "", 0.0, 0.0, {}, {}))
        record = store.record(step.id)
        if record is None or (record.key, verdict.kind(record.verdict)) != (key, kind):
            raise InputError(
                "this step is not what the last run left",
                where=str(step.id),
                advice="run: backport run",
            )
        done, folder = StepRecord(step, record), store.folder(step.id)
        for path in sorted(folder.rglob("*")):
            relative = str(path.relative_to(folder))
            if path.is_symlink():
                self._links[f"{done.folder}/{relative}"] = str(path.readlink())
            elif path.is_file() and relative != RECORD:
                content = self._whole(step, path, relative, record)
                fixed = step.id.kind in _FIXED and relative in record.outputs
                name = f"{done.folder}/{printable(relative, lines=False)}"
                self._put(name, path, content, fixed=fixed)
        return done

    def _whole(self, step: Step, path: Path, relative: str, record: Record) -> bytes:
        """A file's content, held against what it was when the step ended."""
        content = path.read_bytes()
        entry = record.outputs.get(relative) or record.logs.get(relative)
        if entry is None or hashlib.sha256(content).hexdigest() != entry[2]:
            was = "was put there" if entry is None else "was changed or cut off"
            raise InputError(
                f"this file {was} after its step had ended",
                where=f"{step.id}/{relative}",
                advice="remove the step's folder and run: backport run",
            )
        return content

    def _put(self, name: str, path: Path, content: bytes, *, fixed: bool) -> None:
        digest = hashlib.sha256(content).hexdigest()
        if name in self._files or not manifest.is_inside(name):
            raise InputError(
                "this file's name cannot stand in evidence; no evidence is made",
                where=str(path),
                advice="let the test name its artifacts in printable characters, and shorter",
            )
        # What was fetched by its hash came from outside, and knows nothing of this machine.
        fetched = name.startswith("steps/fetch/") or any(
            file.sha256 == digest for file in self._files.values()
        )
        try:
            if not fixed:
                scrubbed = scrub.scrub(content, self._needles)
            elif not fetched and (what := scrub.seen(content, self._needles)):
                raise ValueError(what)
            else:
                scrubbed = scrub.Scrubbed(content, {})
        except ValueError as error:
            raise InputError(
                f"this file holds {error}, which cannot be taken out of it; no evidence is made",
                where=str(path),
                advice="make it anew without that",
            ) from error
        target = self._out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(scrubbed.content)
        executable = not fixed and bool(path.stat().st_mode & 0o100)
        target.chmod(0o755 if executable else 0o644)
        self._files[name] = Content(
            len(scrubbed.content),
            hashlib.sha256(scrubbed.content).hexdigest(),
            executable,
            scrubbed.removed,
        )


def _input_files(recipe: Recipe) -> Iterator[Path]:
    """The recipe, and what lies beside it that the steps read; no link may lead elsewhere."""
    yield recipe.path
    folders = {one.package.patches for one in recipe.test_sources}
    for source in recipe.sources:
        folders |= {source.patches, source.tests, source.tests.parent / "lib"}
    for tests in recipe.matrix_folders:
        folders |= {tests.path, *tests.library}
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    named = {*recipe.matrix_files, *((recipe.stand_in,) if recipe.stand_in else ())}
    # A file of rows may name a folder by a way up: ``../patches/alpha``.
    for path in sorted({Path(os.path.normpath(path)) for path in files | named}):
        if "__pycache__" in path.parts:
            continue
        if not path.resolve().is_relative_to(recipe.root.resolve()):
            raise InputError(
                "this path leads out of the recipe's folder; no evidence is made",
                where=str(path),
                advice="put the file itself there",
            )
        yield path
