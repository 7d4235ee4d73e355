"""Find the archive's own source packages on Launchpad and pin them in the recipe.

The hash that Launchpad's publication record gives is the gate. The signature is reported beside
it: most keys of old uploads have expired or are not in today's keyrings.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backport.errors import InputError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.publication import Publication, SourceFile
from backport.launchpad.archive.publications import Records
from backport.recipe import edit, reader
from backport.recipe.model import BasePin, Recipe, Source
from backport.source import dsc as dsc_file

# Ubuntu's record comes first: it holds what later series have, synced from Debian or not.
_DISTRIBUTIONS = ("ubuntu", "debian")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Where Debian's packages debian-keyring and ubuntu-keyring put the keys of uploaders.
KEYRINGS = tuple(
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

    `dsc` is the .dsc in the cache, its files beside it; `series` the only one that it is the base
    in, "" for all.
    """

    source: str
    pin: BasePin
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


@dataclass(frozen=True)
class PinReport:
    """What `pin` found. `change` is the recipe's change as a diff; `written` if it was made.

    `kept` are the sources that have a pin already; `missing` one sentence for each source that
    was not found. Where one is missing nothing is written.
    """

    found: tuple[FoundSource, ...]
    kept: tuple[str, ...]
    missing: tuple[str, ...]
    change: str
    written: bool

    @property
    def exit_code(self) -> int:
        """3 where a source was not found."""
        return InputError.exit_code if self.missing else 0

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        sources = [
            {
                "source": one.source,
                "pin": asdict(one.pin),
                "publication": asdict(one.publication),
                "signature": asdict(one.signature),
            }
            for one in self.found
        ]
        rest = {"kept": self.kept, "missing": self.missing, "change": self.change}
        return {"found": sources, **rest, "written": self.written}


def pin(
    recipe: Recipe,
    client: LaunchpadlibClient | None,
    cache: Path,
    *,
    sources: Sequence[str] = (),
    update: bool = False,
    dry_run: bool = False,
    keyrings: Sequence[Path] = KEYRINGS,
    backoff: float = 1.0,
    progress: Callable[[str], None] = lambda _: None,
) -> PinReport:
    """Pin the .dsc of every source that has none, all or nothing.

    Parameters:
        recipe: the update; its file is edited in place, comments and layout kept.
        client: who asks Launchpad; None uses kept records only.
        cache: the folder for records and downloads.
        sources: only these; every source of the recipe when empty.
        update: also look up the sources that are pinned already.
        dry_run: show the change only.
        keyrings: the keys that signatures are checked with.
        backoff: seconds before a broken download is tried again.
        progress: takes a line for each source that was found.

    Raises:
        UsageError: a name in `sources` is not in the recipe.
        RemoteError: Launchpad or the server of the files gives no answer.
        InputError: a file is not what Launchpad says, or a signature is bad.
    """
    names = [source.name for source in recipe.sources]
    for name in sources:
        if name not in names:
            raise UsageError(
                f"{name!r} is no source of this recipe",
                where="--source",
                advice=f"write one of {', '.join(names)}",
            )
    chosen = [one for one in recipe.sources if not sources or one.name in sources]
    old = edit.read_text(recipe.path)
    records = Records(cache, client)
    found: list[FoundSource] = []
    missing: list[str] = []
    for source in chosen:
        for series, version in _unpinned(source, update=update):
            one = find(source.name, version, records, cache, keyrings=keyrings, backoff=backoff)
            if one is None:
                missing.append(
                    f"{source.name}: Launchpad has no record of {version} in Ubuntu's or Debian's "
                    "archive; correct debian-version, or give a .dsc with path and sha256 in "
                    f"[source.{source.name}.base]"
                )
            else:
                progress(str(one))
                found.append(replace(one, series=series))
    new = old
    for one in found:
        new = edit.set_base(new, one.source, one.pin, one.series)
    write = not missing and not dry_run and new != old
    if write:
        edit.replace_file(recipe.path, old, new)
    return PinReport(
        found=tuple(found),
        kept=tuple(one.name for one in chosen if not _unpinned(one, update=update)),
        missing=tuple(missing),
        change=edit.difference(old, new, recipe.path.name),
        written=write,
    )


def _unpinned(source: Source, *, update: bool) -> list[tuple[str, str]]:
    """The versions to pin, each with the only series that it is for, "" for all."""
    bases = {"": source.base, **source.bases}
    if not source.pins:
        return [("", source.debian_version)]
    return [
        (series, pin.version)
        for series, pin in bases.items()
        if pin is not None and (update or not pin.sha256)
    ]


def command(args: argparse.Namespace) -> int:
    """`backport pin`: print what was found and the change; the exit code."""
    recipe = reader.load(args.recipe, outside=args.outside, unpinned=True)

    def progress(line: str) -> None:
        if not (args.quiet or args.json):
            print(line)

    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client:
        report = pin(
            recipe,
            client,
            args.cache,
            sources=args.source,
            update=args.update,
            dry_run=args.dry_run,
            progress=progress,
        )
    if args.json:
        print(json.dumps(report.to_json()))
    elif not args.quiet:
        for name in report.kept:
            print(f"{name}: pinned already; --update looks again")
        print(report.change, end="")
        if report.change and not report.written:
            print(f"{recipe.path.name} is unchanged.")
    for sentence in report.missing:
        print(f"backport: {sentence}.", file=sys.stderr)
    return report.exit_code


def find(
    source: str,
    version: str,
    records: Records,
    cache: Path,
    *,
    keyrings: Sequence[Path] = KEYRINGS,
    backoff: float = 1.0,
) -> FoundSource | None:
    """Find one version of a source in Ubuntu's archive, then in Debian's, and fetch it.

    Records of every series and pocket count, those of ended series too: their files stay on
    Launchpad. None where no archive ever had that version.

    Raises: as `pin` does.
    """
    for distribution in _DISTRIBUTIONS:
        answer = records.of_version(source, version, distribution)
        if answer is None:
            raise records.missing(f"where {source} {version} is")
        if answer.publications:
            publication = answer.publications[0]
            base = base_of(publication)
            path = dsc_file.fetch_base(base, cache, source=source, backoff=backoff)
            same_hashes(publication, path)
            signature = dsc_file.signature(path, keyrings)
            return FoundSource(source, base, publication, signature, path)
    return None


def base_of(publication: Publication) -> BasePin:
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
    return BasePin(
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
