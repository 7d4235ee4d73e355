"""The record of a prepared base, in the folder of the step that prepared it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from backport.engine import records
from backport.engine.step import StepId
from backport.engine.store import Store
from backport.environments.base import PreparedBase
from backport.errors import InputError

FILE = "prepared.json"


def write(base: PreparedBase, folder: Path) -> None:
    """Write the record; the names of the repositories have the hash of their content."""
    (folder / FILE).write_text(json.dumps(asdict(base), indent=1, default=str))


def read(folder: Path) -> PreparedBase:
    """The base that a step prepared.

    Parameters:
        folder: the step's.

    Raises:
        InputError: the record is damaged.
    """
    what, advice = "the record of this base is damaged", "remove its folder"
    return records.load(PreparedBase, folder / FILE, what=what, advice=advice)


def by_series(store: Store, steps: Iterable[StepId]) -> dict[str, PreparedBase]:
    """The bases that steps of a run have prepared, by their series; other steps do not count."""
    folders = {step.series: store.folder(step) for step in steps if step.kind == "base"}
    return {name: read(folder) for name, folder in folders.items() if (folder / FILE).is_file()}


def kind_in(store: Store) -> str:
    """The kind of base that the work folder's bases are of; "" where there is none or several."""
    kinds = set()
    for path in (store.work / "base").glob(f"*/{FILE}"):
        with suppress(InputError):  # its step runs anew
            kinds.add(read(path.parent).kind)
    return kinds.pop() if len(kinds) == 1 else ""
