"""The debdiff against what a series has now, by Launchpad's publication records.

The source package's own debdiff shows what was changed in the base that is pinned. A sponsor and
the SRU team see another one: against the version that the upload replaces in the series. Which that
is, and the hashes of its files, the records say, asked for now or kept from an earlier time.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from backport.recipe.model import BasePin, Recipe
from backport.source import dsc as dsc_file
from backport.source import weight
from backport.source.changelog import timestamp
from backport.source.dpkg import isolated
from backport.source.files import sha256_of
from backport.source.weight import Weight

FOLDER = "debdiff"
_FORMAT = 1


@dataclass(frozen=True)
class Against:
    """The version that an upload replaces in a series.

    `publication` is its record, with its files; `pockets` where it is, `asked_at` when Launchpad
    said so (ISO 8601, UTC), `told` all of that in words, with the answer's age.
    """

    publication: Publication
    pockets: tuple[str, ...]
    asked_at: str
    told: str


@dataclass(frozen=True)
class Compared:
    """A debdiff, or why there is none: then the series does not have the source yet.

    `dsc` is the update's own, `path` the debdiff, `weight` what is to be read of it.
    """

    source: str
    series: str
    dsc: Path
    against: Against | None = None
    path: Path | None = None
    weight: Weight | None = None

    @property
    def told(self) -> str:
        """What it was compared with, in a sentence."""
        if self.against is None:
            return f"{self.source} is new in {self.series}: there is nothing to compare it with"
        return f"{self.source} is compared with what {self.against.told}"

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON data."""
        there = self.against
        data: dict[str, Any] = {
            "format": _FORMAT,
            "source": self.source,
            "series": self.series,
            "dsc": self.dsc.name,
            "dsc_sha256": sha256_of(self.dsc),
            "told": self.told,
        }
        if there is not None and self.path is not None and self.weight is not None:
            data["against"] = {
                "version": there.publication.version,
                "pockets": list(there.pockets),
                "record": there.publication.link,
                "asked_at": there.asked_at,
                "files": [asdict(file) for file in there.publication.files],
            }
            data |= {"debdiff": self.path.name, "sha256": sha256_of(self.path)}
            data["lines"] = self.weight.counts()
        return data


def find(
    records: Records, source: str, series: str, below: str, as_of: date | None = None
) -> Against | None:
    """The version that an upload replaces: the highest one in the series that is lower.

    Parameters:
        below: the upload's version; what is as high is the upload itself.
        as_of: the day that the archive is looked at; None for now.

    Raises:
        RemoteError: no record tells, of now or kept.
    """
    answer = records.published(source, series)
    if answer is None:
        raise records.missing(f"what {series} has of {source}")
    there = [one for one in in_archive(answer, as_of) if Version(one.version) < Version(below)]
    if not there:
        return None
    version = str(max(Version(one.version) for one in there))
    detail = records.of_version(source, version, "ubuntu", series)
    if detail is None or not detail.publications:
        raise records.missing(f"the files of {source} {version}")
    pockets = tuple(dict.fromkeys(one.pocket for one in there if one.version == version))
    oldest = min((answer, detail), key=lambda one: one.asked_at)
    told = (
        f"{series} has in {', '.join(pockets)}, {version} ({records.who}'s record, "
        f"{records.age(oldest)})"
    )
    return Against(detail.publications[0], pockets, oldest.asked_at.isoformat(), told)


def compare(
    recipe: Recipe,
    pair: tuple[str, str],
    records: Records,
    work: Path,
    cache: Path,
    *,
    offline: bool = False,
    backoff: float = 1.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Compared:
    """Write the debdiff of one source package that was made, and the record of it.

    Parameters:
        pair: source package and series.
        records: Launchpad's records, or the kept ones.
        work: the work folder; the debdiff goes below its folder ``debdiff``.
        cache: the folder of downloads.
        offline: fetch nothing.
        backoff: seconds before a broken download is tried again.
        progress: takes a sentence about what is compared.

    Raises:
        InputError: the source package was not made, or what was fetched, or the pinned base, is
            not what the record says.
        RemoteError: no record tells, or a file cannot be fetched.
        StepError: debdiff fails.
    """
    name, where = pair
    source, series = recipe.source(name), recipe.one_series(where)
    dsc = own_dsc(work, name, where)
    update, _ = versions.published_version(source, series)
    there = find(records, name, where, update, recipe.as_of)
    compared = Compared(name, where, dsc, there)
    if there is not None:
        pinned = source.in_series(where).base
        if pinned is not None and pinned.version == there.publication.version:
            _require_same(pinned, there.publication, where)
        base = pin.base_of(there.publication)
        old = dsc_file.fetch_base(base, cache, offline=offline, source=name, backoff=backoff)
        pin.same_hashes(there.publication, old)
        path = _write_debdiff(old, dsc, work / FOLDER / where, timestamp(recipe.date))
        compared = Compared(name, where, dsc, there, path, weight.of_package(dsc, old))
    atomic.write(
        work / FOLDER / where / f"{name}.json", json.dumps(compared.to_json(), indent=1) + "\n"
    )
    progress(compared.told)
    return compared


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


def _require_same(base: BasePin, publication: Publication, who: str) -> None:
    """Check that a pinned base is the very one that a series or distribution has."""
    if not publication.has(base.dsc, base.sha256):
        raise InputError(
            f"{who} has another {base.version} than the pinned one, by the record's sha256",
            where=base.dsc,
            advice="pin the archive's own with: backport pin --update",
        )


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
        note: takes one sentence for what no record tells, and for how old kept records are.

    Raises:
        InputError: the archive has another .dsc of that version.
    """
    ages: list[str] = []
    for name, base in ((source.name, base) for source in recipe.sources for base in source.pins):
        for distribution in ("ubuntu", "debian"):
            answer = records.of_version(name, base.version, distribution)
            if answer is None:
                note(
                    f"no record tells whether {base.dsc} is the archive's own: its pinned sha256 "
                    "stands"
                )
                break
            if not answer.publications:
                continue
            if not answer.fresh:
                ages.append(f"{base.dsc}: {records.age(answer)}")
            _require_same(base, answer.publications[0], distribution)
            break
        else:
            note(f"no archive ever had {name} {base.version}: its pinned sha256 stands")
    if ages:
        note(f"kept records of the pinned sources are used ({'; '.join(ages)})")
