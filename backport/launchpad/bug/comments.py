"""The comments on what an update has reached, made from the records of `upload` and `wait`.

The same records give the same text, so that a comment that is there is known again.
"""

from __future__ import annotations

from pathlib import Path

from backport.errors import InputError
from backport.launchpad.builds import published
from backport.launchpad.upload import journal
from backport.launchpad.upload import ppa as ppas
from backport.recipe.model import Recipe


def milestone(recipe: Recipe, work: Path, root: str, name: str) -> str:
    """The comment for ``uploaded`` or ``published``.

    Parameters:
        work: the work folder with the records.
        root: the service root of the Launchpad that they are about.

    Raises:
        InputError: there are no such records, or one is damaged.
    """
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    if name == "uploaded":
        return _uploaded(recipe, ppa, journal.read(work, str(ppa), root), work)
    return _published(recipe, ppa, published.read_all(work, str(ppa), root), work)


def _uploaded(
    recipe: Recipe, ppa: ppas.PpaName, uploads: tuple[journal.UploadRecord, ...], work: Path
) -> str:
    newest = journal.newest(upload for upload in uploads if upload.state in ("sent", "accepted"))
    if not newest:
        raise InputError(
            f"nothing was uploaded to {ppa} yet",
            where=str(work / journal.FOLDER),
            advice="run: backport upload",
        )
    lines = [f"These packages are in {ppa} for testing:", ""]
    for series in recipe.series:
        own = [newest[key] for key in sorted(newest) if key[0] == series.name]
        lines += [f"{series.name}: {one.source} {one.version}" for one in own]
    return "\n".join(lines)


def _published(
    recipe: Recipe, ppa: ppas.PpaName, records: tuple[published.PublishedSource, ...], work: Path
) -> str:
    if not records:
        raise InputError(
            f"nothing is known to be published in {ppa} yet",
            where=str(work / published.FOLDER),
            advice="run: backport wait",
        )
    lines = [f"All builds of these packages are published in {ppa}:"]
    for series in recipe.series:
        own = [one for one in records if one.series == series.name]
        for one in sorted(own, key=lambda record: record.source):
            arches = ", ".join(sorted(build.arch for build in one.builds))
            lines += ["", f"{series.name}: {one.source} {one.version} (built on {arches})"]
            versions = {(binary.package, binary.version) for binary in one.binaries}
            lines += [f"  {package} {version}" for package, version in sorted(versions)]
    return "\n".join(lines)
