"""Every version that an archive has had of a source, and whether the newest is our own upload.

A version is taken once for an archive, whatever becomes of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from backport.recipe.model import Published
from backport.source.dsc import file_version, read_dsc

if TYPE_CHECKING:
    from backport.launchpad.archive.publications import KeptAnswer, Records


def with_seen(
    has: Published,
    answer: KeptAnswer,
    records: Records,
    pair: tuple[str, str],
    *,
    as_of: date | None,
    work: Path | None,
) -> Published:
    """What a series has, with every version that was seen there, and whether it is ours.

    Parameters:
        has: what the series has. answer: its records. pair: source package and series.
        as_of: the day that the archive is looked at; None for now. Today's queue is not that
            day's, and is not asked.
        work: the work folder with our own source packages; None for none.
    """
    source, series = pair
    queue = None if as_of else records.queued(source, series)
    every = (*answer.publications, *(queue.publications if queue else ()))
    seen = tuple(dict.fromkeys(one.version for one in every if one.was_seen(as_of)))
    own = work / "source" / series / source if work else None
    dsc = own / f"{source}_{file_version(has.version)}.dsc" if own and has.version else None
    ours = False
    if dsc is not None and dsc.is_file():
        detail = records.of_version(source, has.version, "ubuntu", series)
        theirs = detail.publications[0].content if detail and detail.publications else {}
        # A sponsor signs the .dsc anew; what it describes stays.
        ours = theirs == {one.name: one.sha256 for one in read_dsc(dsc).files}
    return replace(has, seen=seen, ours=ours)
