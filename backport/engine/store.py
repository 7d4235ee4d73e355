"""The work folder: one folder a step, which appears by one rename when the step is done.

A step's ``step.json`` holds its key (the hash of all that it read), verdict, length, and the
hash of each output; a later run reuses a step that passed with the same key and whose files are
still there unchanged.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backport.engine import verdict
from backport.engine.step import Step, StepId, hash_text
from backport.engine.verdict import Passed, Verdict
from backport.errors import MachineError

RECORD = "step.json"


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


def step_key(step: Step, digests: Mapping[StepId, str]) -> str:
    """The hash of all that a step reads: its inputs, and the outputs of what it needs."""
    needed = sorted((str(need), digest) for need, digest in digests.items())
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
            MachineError: another run has it; the message has its process number.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise MachineError(
                    f"another run (process {lock.read().strip() or '?'}) uses this work folder",
                    where=str(self.work),
                    advice="wait for it, or name another folder with --work",
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    @property
    def interrupted(self) -> bool:
        """Whether an earlier run was broken off: it left scratch folders."""
        scratch = self.work / "scratch"
        return scratch.is_dir() and any(scratch.iterdir())

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

    def last(self, step_id: StepId) -> Result | None:
        """How the step ended when it last ran; None if it never did."""
        try:
            data = json.loads((self.folder(step_id) / RECORD).read_text())
            return Result(
                step_id,
                data["key"],
                verdict.from_json(data["verdict"]),
                data["digest"],
                data["seconds"],
                data["started"],
                reused=True,
                exit_code=data["exit_code"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def seconds(self, step_id: StepId) -> float | None:
        """How long the step took when it last ran; None if it never did."""
        result = self.last(step_id)
        return None if result is None else result.seconds

    def fresh(self, step_id: StepId, key: str) -> Result | None:
        """The last result, if it passed with that key and its outputs are unchanged."""
        result = self.last(step_id)
        if result is None or result.key != key or not isinstance(result.verdict, Passed):
            return None
        folder = self.folder(step_id)
        files = json.loads((folder / RECORD).read_text())["outputs"]
        for path, (size, mtime, _) in files.items():
            try:
                stat = (folder / path).stat()
            except OSError:
                return None
            if (stat.st_size, stat.st_mtime_ns) != (size, mtime):
                return None
        return result

    def commit(
        self, step_id: StepId, key: str, outcome: Outcome, scratch: Path, started: float
    ) -> Result:
        """Put a finished step's scratch folder in its place, by one rename."""
        outputs = {path: _describe(scratch / path) for path in sorted(outcome.outputs)}
        digest = hash_text(json.dumps([(path, entry[2]) for path, entry in outputs.items()]))
        seconds = time.time() - started
        record = {
            "name": str(step_id),
            "key": key,
            "verdict": verdict.to_json(outcome.verdict),
            "exit_code": outcome.exit_code,
            "digest": digest,
            "seconds": round(seconds, 3),
            "started": round(started, 3),
            "outputs": outputs,
            "logs": {
                str(path.relative_to(scratch)): _describe(path)
                for path in sorted(scratch.rglob("*"))
                if path.is_file()
                and not path.is_symlink()
                and str(path.relative_to(scratch)) not in outputs
            },
        }
        (scratch / RECORD).write_text(json.dumps(record, indent=1) + "\n")
        target = self.folder(step_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        old = self.work / "scratch" / f"old_{str(step_id).replace('/', '_')}"
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        scratch.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return Result(
            step_id, key, outcome.verdict, digest, seconds, started, exit_code=outcome.exit_code
        )


def _describe(path: Path) -> tuple[int, int, str]:
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not an output")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, digest


def relative(paths: Iterable[Path], folder: Path) -> tuple[str, ...]:
    """Paths as an `Outcome` names them: relative to the step's folder."""
    return tuple(str(path.relative_to(folder)) for path in paths)
