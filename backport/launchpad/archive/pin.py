"""Find the archive's own source packages on Launchpad and pin them in the recipe.

The hash that Launchpad's publication record gives is the gate. The signature is reported beside
it: most keys of old uploads have expired or are not in today's keyrings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backport.errors import InputError, UsageError
from backport.launchpad.archive.publication import Publication, SourceFile
from backport.launchpad.archive.publications import Records, archive_versions
from backport.recipe import edit
from backport.recipe.model import PinnedDsc, Recipe, Source
from backport.recipe.versions import ArchiveVersions, overtaken
from backport.source import dsc as dsc_file

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Where Debian's packages debian-keyring and ubuntu-keyring put the keys of uploaders.
_KEYRINGS = tuple(
    Path("/usr/share/keyrings") / name
    for name in (
        "debian-keyring.gpg",
        "debian-maintainers.gpg",
        "debian-nonupload.gpg",
        "ubuntu-master-keyring.gpg",
    )
)


@dataclass(frozen=True)
class FoundSource:
    """A source package that was found, fetched and checked against Launchpad's hashes.

    `dsc` is the .dsc in the cache, its files beside it; `series` the only one that it is for, ""
    for all.
    """

    source: str
    pin: PinnedDsc
    publication: Publication
    signature: dsc_file.Signature
    dsc: Path
    series: str = ""

    def __str__(self) -> str:
        record = self.publication
        signed = f"signature: {self.signature.state}"
        if self.signature.key_id:
            signed += f" ({self.signature.key_id})"
        return (
            f"{self.source} {record.version}, from {record.distribution} {record.series} "
            f"({record.pocket}, {record.status}); {signed}"
        )


def pin(
    recipe: Recipe,
    records: Records,
    cache: Path,
    *,
    sources: Sequence[str] = (),
    update: bool = False,
    work: Path | None = None,
) -> tuple[list[FoundSource], str]:
    """Pin the .dsc of every source that has none of the version that it names, all or nothing.

    Returns what was found, and the recipe's change as a diff.

    Parameters:
        recipe: the update; its file is edited in place, comments and layout kept.
        cache: the folder of downloads.
        sources: only these; every source of the recipe when empty.
        update: also look up the sources that are pinned already; for a .dsc of one series, what
            that series has now, if it is later.
        work: the work folder, by which our own uploads are known: none of them is pinned.

    Raises:
        UsageError: a name in `sources` is not in the recipe.
        RemoteError: Launchpad or the server of the files gives no answer.
        InputError: no archive had a source, a file is not what Launchpad says, or a signature is
            bad.
    """
    names = [source.name for source in recipe.sources]
    for name in sources:
        if name not in names:
            raise UsageError(
                f"{name!r} is no source of this recipe",
                where="--source",
                advice=f"write one of {', '.join(names)}",
            )
    old = edit.read_text(recipe.path)
    archive = archive_versions(recipe, records, work=work) if update else {}
    packages: list[FoundSource] = []
    for source in recipe.sources:
        for series, version in _to_pin(source, archive, update=update):
            if sources and source.name not in sources:
                continue
            package = find(source.name, version, records, cache)
            if package is None:
                raise InputError(
                    f"Launchpad has no record of {version} in Ubuntu's or Debian's archive",
                    where=source.name,
                    advice="correct debian-version, or give a .dsc with path and sha256 in "
                    f"[source.{source.name}.pinned]",
                )
            packages.append(replace(package, series=series))
    new = old
    for package in packages:
        new = edit.set_pinned(new, package.source, package.pin, package.series)
    if new != old:
        edit.replace_file(recipe.path, old, new)
    return packages, edit.difference(old, new, recipe.path.name)


def _to_pin(source: Source, archive: ArchiveVersions, *, update: bool) -> list[tuple[str, str]]:
    """The versions to pin, each with the only series that it is for, "" for all."""
    wanted: list[tuple[str, str, PinnedDsc | None]] = []
    if source.pinned is not None or not source.pinned_in:
        wanted.append(("", source.debian_version, source.pinned))
    for series, pinned in source.pinned_in.items():
        has = archive.get((source.name, series))
        later = has and overtaken(source, series, has)
        wanted.append((series, has.version if has and later else pinned.version, pinned))
    return [
        (series, version)
        for series, version, pinned in wanted
        if update or pinned is None or not pinned.sha256 or pinned.version != version
    ]


def require_same(pinned: PinnedDsc, publication: Publication, who: str) -> None:
    """Check that a pinned .dsc is the very one that a series or distribution has.

    Raises:
        InputError: it is not.
    """
    if not publication.has(pinned.dsc, pinned.sha256):
        raise InputError(
            f"{who} has another {pinned.version} than the pinned one, by the record's sha256",
            where=pinned.dsc,
            advice="pin the archive's own with: backport pin --update",
        )


def find(source: str, version: str, records: Records, cache: Path) -> FoundSource | None:
    """Find one version of a source in Ubuntu's archive, then in Debian's, and fetch it.

    None where no archive ever had that version.

    Raises: as `pin` does.
    """
    answer = records.of_any_archive(source, version)
    if answer is None:
        raise records.missing(f"where {source} {version} is")
    if not answer.publications:
        return None
    publication = answer.publications[0]
    pinned = pinned_of(publication)
    path = dsc_file.fetch_pinned(pinned, cache, source=source)
    same_hashes(publication, path)
    signature = dsc_file.signature(path, _KEYRINGS)
    return FoundSource(source, pinned, publication, signature, path)


def pinned_of(publication: Publication) -> PinnedDsc:
    """The pin that a publication record makes.

    Raises:
        InputError: its files are not one .dsc with its tarballs in one place, all with hashes.
    """
    where = f"{publication.source} {publication.version} at {publication.link}"
    described = [file for file in publication.files if file.name.endswith(".dsc")]
    if len(described) != 1:
        raise InputError(f"this record has {len(described)} .dsc files instead of one", where=where)
    for file in publication.files:
        if not _SHA256.fullmatch(file.sha256):
            raise InputError(
                f"Launchpad gives no sha256 for {file.name}",
                where=where,
                advice="fetch it by hand and pin it with path and sha256",
            )
        if _folder(file) != _folder(described[0]):
            raise InputError(f"{file.name} is not in the folder of its .dsc", where=where)
    return PinnedDsc(
        version=publication.version,
        dsc=described[0].name,
        sha256=described[0].sha256,
        url=_folder(described[0]),
    )


def _folder(file: SourceFile) -> str:
    return file.url.rpartition("/")[0] + "/"


def same_hashes(publication: Publication, path: Path) -> None:
    """Check that the .dsc and Launchpad's record name the same files with the same hashes.

    Raises:
        InputError: they do not.
    """
    record = {(file.name, file.sha256) for file in publication.files if file.name != path.name}
    listed = {(file.name, file.sha256) for file in dsc_file.read_dsc(path).files}
    if record != listed:
        differing = sorted({name for name, _ in record ^ listed})
        raise InputError(
            f"the .dsc and Launchpad's record do not agree about {', '.join(differing)}",
            where=path.name,
            advice="pin another version",
        )
