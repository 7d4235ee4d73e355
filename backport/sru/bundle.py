"""Make the evidence of a run: one folder and one archive, from what the store holds.

Packages go in as they are; logs without what must not leave the machine. Nothing changed means
the same evidence, byte for byte; it is made once and never again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backport import atomic
from backport.engine.step import hash_text
from backport.engine.store import Store
from backport.recipe.model import Recipe
from backport.source.files import sha256_of
from backport.sru import archive, manifest
from backport.sru.run_record import FOLDER, RunRecord

LATEST = "latest"
# What other commands know of this update: uploads, what is published, the PPA's tests, the
# difference to what the series have.
_RECORD_FILES = (
    "uploads/*.json",
    "published/*/*.json",
    "ppa-test/summary.json",
    "ppa-test/*/*/step.json",
    "ppa-test/*/*/log.gz",
    "ppa-test/*/*/result.tar",
    "debdiff/*/*.json",
    "debdiff/*/*.debdiff",
)


@dataclass(frozen=True)
class MadeEvidence:
    """Evidence on disk: its folder, its archive and that archive's sha256.

    `fresh` says that it was made just now.
    """

    folder: Path
    archive: Path
    sha256: str
    fresh: bool


def make(recipe: Recipe, store: Store, run: RunRecord, cache: Path) -> MadeEvidence:
    """Make the evidence of a run below ``evidence/`` in the work folder, unless it is there.

    Parameters:
        cache: the folder of downloads, whose path is taken out of the logs.

    Raises:
        InputError: a file that cannot be changed holds what must not leave the machine, a log is
            not what its step left, a step of the run is not there any more, or it would be larger
            than evidence may be. Nothing is made.
    """
    home = store.work / FOLDER
    others = [*_records(store.work, recipe)]
    digests = [(str(path.relative_to(store.work)), sha256_of(path)) for path in others]
    # It changes with the run, and with the records of other commands.
    known = home / f".key-{hash_text(json.dumps([run.key, digests]))}"
    folder = known.resolve()
    target = folder.with_name(f"{folder.name}{archive.SUFFIX}")
    if target.is_file() and (folder / manifest.FILE).is_file():
        atomic.link(home / LATEST, folder.name)
        return MadeEvidence(folder, target, sha256_of(target), fresh=False)
    # What makes it takes long to load, and most runs have changed nothing.
    from backport.sru import collect  # noqa: PLC0415

    name = collect.collect(recipe, store, run, others, cache)
    for link in (known, home / LATEST):
        atomic.link(link, name)
    target = home / f"{name}{archive.SUFFIX}"
    return MadeEvidence(home / name, target, sha256_of(target), fresh=True)


def _records(work: Path, recipe: Recipe) -> Iterator[Path]:
    """The records of other commands about this recipe; a work folder may have another's too."""
    pairs = [(series, source.name) for source in recipe.sources for series in source.series]
    own = [f"{series}_{source}_" for series, source in pairs]
    own += [f"{series}/{source}{end}" for series, source in pairs for end in (".json", "@", "_")]
    for pattern in _RECORD_FILES:
        for path in sorted(work.glob(pattern)):
            name = str(path.relative_to(work)).partition("/")[2]
            if path.is_file() and (name == "summary.json" or name.startswith(tuple(own))):
                yield path
