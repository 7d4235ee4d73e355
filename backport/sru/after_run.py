"""The end of a run: note what it was about, and make its evidence if anything has changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backport.engine import system_errors
from backport.engine.step import Step, StepId
from backport.engine.store import Result, Store
from backport.errors import BackportError
from backport.recipe.model import Recipe
from backport.sru import bundle, run_record


def after_run(
    recipe: Recipe,
    steps: Mapping[StepId, Step],
    results: Mapping[StepId, Result],
    *,
    versions: Mapping[tuple[str, str], str],
    store: Store,
    cache: Path,
) -> tuple[str, BackportError | None]:
    """Write the run's record, and make its evidence unless that is there.

    Returns the path of the evidence's archive, or why there is none: a run that went well has
    not failed because of that, but it must be told.

    Parameters:
        versions: the version of each (source, series). cache: the folder of downloads.
    """
    record = run_record.make(steps, results, versions, recipe)
    try:
        with system_errors.refusals(store.work):
            record.write(store.work)
            return str(bundle.make(recipe, store, record, cache).archive), None
    except BackportError as error:
        return "", error
