"""The debdiff against what a series has now, by Launchpad's publication records.

The source package's own debdiff shows what was changed in the pinned package. A sponsor and the SRU
team see another one: against the version that the upload replaces in the series. Which that is, and
the hashes of its files, the records say, asked for now or kept from an earlier time.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from debian.debian_support import Version

from backport import atomic
from backport.errors import InputError
from backport.launchpad.archive import pin
from backport.launchpad.archive.publication import Publication
from backport.launchpad.archive.publications import Records, in_archive
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.source import dsc as dsc_file
from backport.source import weight
from backport.source.changelog import timestamp
from backport.source.dpkg import isolated
from backport.source.files import sha256_of

FOLDER = "debdiff"
_FORMAT = 2


def compare(
    recipe: Recipe,
    pair: tuple[str, str],
    records: Records,
    work: Path,
    cache: Path,
    *,
    offline: bool = False,
) -> tuple[dict[str, Any], Path | None]:
    """Write the debdiff of one source package that was made, and the record of it.

    Returns the record, as JSON data, whose ``told`` says in a sentence what it is compared with;
    and the debdiff, None where the series does not have the source yet.

    Parameters:
        pair: source package and series.
        records: Launchpad's records, or the kept ones.
        work: the work folder; the debdiff goes below its folder ``debdiff``.
        cache: the folder of downloads.
        offline: fetch nothing.

    Raises:
        InputError: the source package was not made, or what was fetched, or the pinned package, is
            not what the record says.
        RemoteError: no record tells, or a file cannot be fetched.
        StepError: debdiff fails.
    """
    name, series = pair
    source = recipe.source(name)
    dsc = own_dsc(work, name, series)
    update, _ = versions.published_version(source, recipe.one_series(series))
    record: dict[str, Any] = {"format": _FORMAT, "source": name, "series": series}
    record |= {"dsc": dsc.name, "dsc_sha256": sha256_of(dsc)}
    path = None
    replaced = _replaced(records, name, series, update, recipe.as_of)
    if replaced is None:
        record |= {"told": f"{name} is new in {series}: there is nothing to compare it with"}
    else:
        there, told = replaced
        pinned = source.in_series(series).pinned
        if pinned is not None and pinned.version == there.version:
            pin.require_same(pinned, there, series)
        old = dsc_file.fetch_pinned(pin.pinned_of(there), cache, offline=offline, source=name)
        pin.same_hashes(there, old)
        path = _write_debdiff(old, dsc, work / FOLDER / series, timestamp(recipe.date))
        lines = weight.of_package(dsc, old).counts()
        record |= {"told": told, "against": asdict(there), "lines": lines}
        record |= {"debdiff": path.name, "sha256": sha256_of(path)}
    text = json.dumps(record, indent=1) + "\n"
    atomic.write(work / FOLDER / series / f"{name}.json", text)
    return record, path


def _replaced(
    records: Records, source: str, series: str, update: str, as_of: date | None
) -> tuple[Publication, str] | None:
    """The highest version in the series that is lower, with a sentence; None: there is none."""
    answer = records.published(source, series)
    if answer is None:
        raise records.missing(f"what {series} has of {source}")
    there = [one for one in in_archive(answer, as_of) if Version(one.version) < Version(update)]
    if not there:
        return None
    version = str(max(Version(one.version) for one in there))
    detail = records.of_version(source, version, "ubuntu", series)
    if detail is None or not detail.publications:
        raise records.missing(f"the files of {source} {version}")
    pockets = ", ".join(dict.fromkeys(one.pocket for one in there if one.version == version))
    return detail.publications[0], (
        f"{source} is compared with what {series} has in {pockets}, {version} ({records.who}'s "
        f"record, {answer.asked})"
    )


def own_dsc(work: Path, source: str, series: str) -> Path:
    """The .dsc of a source package that was made.

    Raises:
        InputError: it was not made yet.
    """
    folder = work / "source" / series / source
    dscs = sorted(folder.glob("*.dsc"))
    if not dscs:
        raise InputError(
            f"{source} for {series} was not made yet",
            where=str(folder),
            advice="run: backport source",
        )
    return dscs[0]


def _write_debdiff(old: Path, new: Path, folder: Path, moment: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{new.stem}.debdiff"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".comparing-") as name:
        made = Path(name) / target.name
        isolated(Path(name), moment).debdiff(old, new, made)
        for stale in folder.glob(f"{new.name.partition('_')[0]}_*.debdiff"):
            stale.unlink()
        made.replace(target)
    return target


def check_pins(recipe: Recipe, records: Records, note: Callable[[str], None]) -> None:
    """Hold every pinned .dsc against the record of that version, before it is fetched.

    Parameters:
        note: takes one sentence for what no record confirms.

    Raises:
        InputError: the archive has another .dsc of that version.
    """
    for name, pinned in ((source.name, one) for source in recipe.sources for one in source.pins):
        answer = records.of_any_archive(name, pinned.version)
        if answer is None or not answer.publications:
            note(f"no record confirms that {pinned.dsc} is the archive's: its pinned sha256 stands")
        else:
            publication = answer.publications[0]
            pin.require_same(pinned, publication, publication.distribution)
