"""The work folder: one folder a step, which appears by one rename when the step is done.

A step's ``step.json`` holds its key (the hash of all that it read), verdict, length, and the
hash of each output; a later run reuses a step that passed with the same key and whose outputs
still have their hashes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backport import atomic
from backport.engine import records
from backport.engine.step import Step, StepId, hash_text
from backport.engine.verdict import Passed, Verdict
from backport.errors import UNREADABLE, InputError, MachineError, reading

RECORD = "step.json"
# A file's size in bytes, time of change in ns since 1970, and sha256.
File = tuple[int, int, str]


@dataclass(frozen=True)
class Outcome:
    """What an action returns: the verdict, and the files that later steps read.

    `outputs` are paths relative to the step's folder; all other files there are logs.
    `exit_code` is what the command ends with because of it.
    """

    verdict: Verdict
    outputs: tuple[str, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True)
class Result:
    """A step that has run, now or in an earlier run (`reused`).

    `digest` is one hash over the outputs, `seconds` how long the step took when it ran,
    `started` the time it began, in seconds since 1970.
    """

    id: StepId
    key: str
    verdict: Verdict
    digest: str
    seconds: float
    started: float
    reused: bool = False
    exit_code: int = 0


@dataclass(frozen=True)
class Record:
    """What ``step.json`` holds of a step."""

    name: str
    key: str
    verdict: Verdict
    exit_code: int
    digest: str
    seconds: float
    started: float
    outputs: Mapping[str, File]
    logs: Mapping[str, File]


def step_key(step: Step, digests: Mapping[StepId, str]) -> str:
    """The hash of all that a step reads: its inputs, and the outputs of what it needs.

    What a check has found is read by no step: those that need it only wait for it to pass.
    """
    needed = sorted((str(need), one) for need, one in digests.items() if need.kind != "check")
    return hash_text(json.dumps([str(step.id), step.inputs, needed]))


class Store:
    """The steps' folders below a work folder."""

    def __init__(self, work: Path) -> None:
        self.work = work

    def folder(self, step_id: StepId) -> Path:
        """The folder of a step."""
        return self.work / str(step_id)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the work folder.

        Raises:
            MachineError: another command has it; the message has its process number.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise MachineError(
                    f"another command (process {lock.read().strip() or '?'}) uses this work folder",
                    where=str(self.work),
                    advice="wait for it, or name another folder with --work",
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def in_use(self) -> bool:
        """Whether a command has the work folder."""
        with suppress(FileNotFoundError), (self.work / ".lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def scratch(self, name: StepId | str) -> Path:
        """A new, empty folder for a step that begins."""
        path = self.work / "scratch" / str(name).replace("/", "_")
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """A scratch folder that is removed at the end."""
        path = self.scratch(name)
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def record(self, step_id: StepId) -> Record | None:
        """The record of the step when it last ran; None if it never did.

        Raises:
            InputError: it is damaged.
        """
        path = self.folder(step_id) / RECORD
        if not path.exists():
            return None
        with reading(path, what="its record is damaged", advice="run: backport run"):
            record: Record = records.decode(Record, records.read_json(path))
            if (record.name, record.digest) != (str(step_id), outputs_digest(record.outputs)):
                raise ValueError("its parts do not agree")
            return record

    def last(self, step_id: StepId) -> Result | None:
        """How the step ended when it last ran; None if it never did, or its record is damaged."""
        with suppress(InputError):
            if (record := self.record(step_id)) is not None:
                return _result(step_id, record)
        return None

    def seconds(self, step_id: StepId) -> float | None:
        """How long the step took when it last ran; None if nothing tells."""
        with suppress(OSError, *UNREADABLE):
            data = records.read_json(self.folder(step_id) / RECORD)
            seconds: float = records.decode(float, data["seconds"])
            return seconds
        return None

    def fresh(
        self, step_id: StepId, key: str, note: Callable[[str], None] = lambda _: None
    ) -> Result | None:
        """The last result, if it passed with that key and its outputs have their hashes.

        Parameters:
            note: is told in a sentence of a record or an output that is damaged.
        """
        try:
            record = self.record(step_id)
        except InputError as error:
            note(f"{step_id} runs again: {error.what}")
            return None
        if record is None or record.key != key or not isinstance(record.verdict, Passed):
            return None
        folder = self.folder(step_id)
        for path, (size, _, digest) in record.outputs.items():
            if not _is_whole(folder / path, size, digest):
                note(f"{step_id} runs again: its output {path} was changed or removed")
                return None
        return _result(step_id, record)

    def commit(
        self, step_id: StepId, key: str, outcome: Outcome, scratch: Path, started: float
    ) -> Result:
        """Put a finished step's scratch folder in its place, by one rename."""
        outputs = {path: _describe(scratch / path) for path in sorted(outcome.outputs)}
        logs = {
            name: _describe(path)
            for path in sorted(scratch.rglob("*"))
            if path.is_file() and not path.is_symlink()
            if (name := str(path.relative_to(scratch))) not in outputs
        }
        record = Record(
            str(step_id),
            key,
            outcome.verdict,
            outcome.exit_code,
            outputs_digest(outputs),
            round(time.time() - started, 3),
            round(started, 3),
            outputs,
            logs,
        )
        text = json.dumps(record, default=records.encode, indent=1)
        (scratch / RECORD).write_text(text + "\n")
        target = self.folder(step_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        old = self.work / "scratch" / f"old_{str(step_id).replace('/', '_')}"
        shutil.rmtree(old, ignore_errors=True)
        atomic.swap(scratch, target, old)
        shutil.rmtree(old, ignore_errors=True)
        return _result(step_id, record, reused=False)


def _result(step_id: StepId, record: Record, *, reused: bool = True) -> Result:
    return Result(
        step_id,
        record.key,
        record.verdict,
        record.digest,
        record.seconds,
        record.started,
        reused,
        record.exit_code,
    )


def outputs_digest(outputs: Mapping[str, File]) -> str:
    """One hash over the outputs of a step."""
    return hash_text(json.dumps([(path, entry[2]) for path, entry in outputs.items()]))


def _is_whole(path: Path, size: int, digest: str) -> bool:
    """Whether the file is there with that content, whatever its time of change says."""
    return path.is_file() and path.stat().st_size == size and _describe(path)[2] == digest


def _describe(path: Path) -> File:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, digest


def relative(paths: Iterable[Path], folder: Path) -> tuple[str, ...]:
    """Paths as an `Outcome` names them: relative to the step's folder."""
    return tuple(str(path.relative_to(folder)) for path in paths)
