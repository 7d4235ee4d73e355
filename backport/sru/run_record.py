"""What the last run was about: its steps, their keys, and the versions that it made.

The store knows how each step ended, but not which of its steps belong to one run. `run` writes
this at its end; `evidence` and `report` read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backport import atomic
from backport.engine import records, verdict
from backport.engine.step import Step, StepId, hash_text
from backport.engine.store import Result
from backport.errors import InputError, reading
from backport.recipe import reader
from backport.recipe.model import Recipe

FILE = "run.json"
FOLDER = "evidence"


@dataclass(frozen=True)
class RunRecord:
    """A run: its steps, those that others need first, and how each ended.

    `ended` maps a step's name to (key, kind of verdict, start): together they say whether anything
    has changed since. `versions` maps series/source to the version that was made. `matrix` are the
    files that the recipe had rows of its test matrix from, seen from its folder.
    """

    steps: tuple[Step, ...]
    ended: Mapping[str, tuple[str, str, float]]
    versions: Mapping[str, str]
    matrix: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """The record as the text of its file."""
        return json.dumps(vars(self), default=vars, sort_keys=True) + "\n"

    @property
    def key(self) -> str:
        """Changes when a step ran anew, or another set of steps was asked for."""
        return hash_text(self.text)

    def recipe(self, path: Path, outside: Sequence[Path]) -> Recipe:
        """Read the recipe at `path` with the files of tests that the run had; see `reader.load`."""
        matrix = [path.parent / name for name in self.matrix]
        return reader.load(path, matrix=matrix, outside=outside)

    def write(self, work: Path) -> None:
        """Write it below the work folder, by one rename; nothing where nothing has changed."""
        path = work / FILE
        if not path.is_file() or path.read_text() != self.text:
            atomic.write(path, self.text)


def make(
    steps: Mapping[StepId, Step],
    results: Mapping[StepId, Result],
    versions: Mapping[tuple[str, str], str],
    recipe: Recipe,
) -> RunRecord:
    """The record of a run of a recipe that has ended.

    Parameters:
        versions: the version of each (source, series).
    """
    shown = {
        f"{step.series}/{step.source}": versions.get((step.source, step.series), "")
        for step in steps
        if step.kind == "source" and not step.variant
    }
    ended = {
        # A step that could not begin has no key, and the time of this run says nothing.
        str(step): (one.key, verdict.kind(one.verdict), round(one.started, 3) if one.key else 0.0)
        for step, one in results.items()
    }
    matrix = tuple(str(file.relative_to(recipe.root)) for file in recipe.matrix_files)
    return RunRecord(tuple(steps.values()), ended, shown, matrix)


def read(work: Path) -> RunRecord:
    """The record of the last run.

    Raises:
        InputError: nothing has been run in this work folder, or the record is damaged.
    """
    path = work / FILE
    if not path.exists():
        raise InputError(
            "nothing has been run in this work folder yet",
            where=str(work),
            advice="run: backport run",
        )
    what, advice = "the record of the last run is damaged", "run: backport run"
    with reading(path, what=what, advice=advice):
        record: RunRecord = records.decode(RunRecord, records.read_json(path))
        needs = {str(need) for step in record.steps for need in step.needs}
        if not {str(step.id) for step in record.steps} | needs <= record.ended.keys():
            raise ValueError("its parts do not agree")
        return record
