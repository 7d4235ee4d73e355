"""The comments on what an update has reached, made from the records of `upload` and `wait`.

The same records give the same text, so that a comment that is there is known again.
"""

from __future__ import annotations

from pathlib import Path

from backport.errors import InputError
from backport.launchpad.builds import states
from backport.launchpad.upload import journal
from backport.launchpad.upload import ppa as ppas
from backport.recipe.model import Recipe

_HEADS = {
    "uploaded": "These packages were uploaded to {} for testing:",
    "published": "All builds of these packages are published in {}:",
}


def milestone(recipe: Recipe, work: Path, root: str, name: str) -> str:
    """The comment for ``uploaded``, or for ``published``, which all that was uploaded has to be.

    Parameters:
        work: the work folder with the records.
        root: the service root of the Launchpad that they are about.

    Raises:
        InputError: it is not reached by the records, or one is damaged.
    """
    ppa = ppas.parse_name(recipe.ppa, where=f"{recipe.path.name}: update.ppa")
    every = journal.read(work, str(ppa), root)
    newest = journal.newest(one for one in every if one.state in ("sent", "accepted"))
    lines = [_HEADS[name].format(ppa), ""]
    for series in recipe.series:
        for source in recipe.sources:
            if upload := newest.get((series.name, source.name)):
                line = f"{series.name}: {source.name} {upload.version}"
                if name == "published":
                    builds = states.read(work, upload).builds
                    line += f" (built on {', '.join(sorted(build.arch for build in builds))})"
                lines.append(line)
    if not lines[-1]:
        raise InputError(
            f"nothing was uploaded to {ppa} yet",
            where=str(work / journal.FOLDER),
            advice="run: backport upload",
        )
    return "\n".join(lines)
