"""What the archive has now, and the refusal of an update that some upgrade would take down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from backport import versions
from backport.errors import InputError
from backport.recipe import Recipe
from backport.versions import ArchiveVersions


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
    from backport.launchpad import records  # noqa: PLC0415 - not every command needs it
    from backport.launchpad.client import LaunchpadlibClient  # noqa: PLC0415

    with closing(LaunchpadlibClient(cache / "launchpad")) as client:
        asked = None if offline else client
        return records.archive_versions(recipe, asked, cache, note=note, work=work)


def refuse_downward(recipe: Recipe, archive: ArchiveVersions) -> None:
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
                advice="change the series that get this source, its base or its revision",
            )
    for mismatch in versions.mismatches(recipe, archive):
        raise InputError(
            str(mismatch),
            where=recipe.path.name,
            advice=f"upload {mismatch.needs} there too, or add a patch that accepts that version "
            f"to patches/{mismatch.source}/series.{mismatch.series} and the version to "
            "needs-upstream",
        )
