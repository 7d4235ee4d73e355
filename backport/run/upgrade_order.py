"""What the archive has now, and the refusal of an update that some upgrade would take down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from backport.engine.step import StepId
from backport.engine.store import Store, step_key
from backport.errors import InputError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive import publications
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.recipe.versions import ArchiveVersions
from backport.run import plan
from backport.run.plan import Selection


def archive_versions(
    recipe: Recipe, cache: Path, work: Path, *, offline: bool, note: Callable[[str], None]
) -> ArchiveVersions:
    """The archive's versions: from Launchpad's records, else from the recipe.

    Parameters:
        work: the work folder, with the source packages that an upload was made of.
        cache: the folder of downloads; records that were kept there count too.
        offline: ask nobody; only kept records and the recipe.
        note: takes one sentence for each thing that a person has to know.
    """
    with closing(LaunchpadlibClient(cache / "launchpad")) as client:
        records = publications.Records(cache, None if offline else client)
        published = publications.archive_versions(recipe, records, note=note, work=work)
    for source in recipe.sources:
        for series in source.series:
            if later := versions.overtaken(source, series, published.get((source.name, series))):
                note("; ".join(later))
    return _unchanged(recipe, published, Store(work))


def _unchanged(recipe: Recipe, archive: ArchiveVersions, store: Store) -> ArchiveVersions:
    """What the archive has; an upload of ours counts as one only if the recipe still makes it."""
    if not any(has.ours for has in archive.values()):
        return archive
    steps = plan.make(versions.with_chosen(recipe, archive), Selection(until="source"), "")

    def made(source: str, series: str) -> bool:
        step = steps[StepId("source", series, source)]
        needed = {need: store.last(need) for need in step.needs}
        digests = {need: one.digest for need, one in needed.items() if one is not None}
        whole = len(digests) == len(needed)
        return whole and store.fresh(step.id, step_key(step, digests)) is not None

    return {pair: replace(has, ours=has.ours and made(*pair)) for pair, has in archive.items()}


def check_upgrades(recipe: Recipe, archive: ArchiveVersions) -> None:
    """Refuse an update with a path that does not sort upward.

    Raises:
        InputError: an upgrade would go down, or a source would run beside a version of another
            that it does not accept.
    """
    for relation in versions.proof(recipe, archive):
        if not relation.holds:
            raise InputError(
                f"{relation.what}: {relation.lower} does not sort below {relation.higher}",
                where=recipe.path.name,
                advice="change the series that get this source, or its version",
            )
    for what in versions.mismatches(recipe, archive):
        advice = "upload that one there too, or patch what does not accept it (series.SERIES) and "
        where = recipe.path.name
        raise InputError(what, where=where, advice=f"{advice}add the version to needs-upstream")
