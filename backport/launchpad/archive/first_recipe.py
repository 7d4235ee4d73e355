"""Write the first recipe for another source package, from a .dsc or from Launchpad's records."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from debian.debian_support import Version

from backport.errors import InputError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.pin import find
from backport.launchpad.archive.publications import Records, newest_in_archive
from backport.recipe import edit
from backport.recipe.model import BasePin, Published
from backport.source import dsc as dsc_file
from backport.source.files import sha256_of


def first_recipe(
    path: Path,
    source: str,
    series: Sequence[str],
    client: LaunchpadlibClient | None,
    cache: Path,
    *,
    dsc: Path | None = None,
    version: str = "",
    maintainer: str = "",
    bug: int = 0,
    now: datetime | None = None,
    backoff: float = 1.0,
) -> str:
    """Write a recipe that is complete and can be loaded; the text that was written.

    Parameters:
        path: the new recipe; what is there is never overwritten.
        source: the source package.
        series: the series to upload to, by name.
        client: who asks Launchpad; None works from `dsc` and kept records.
        cache: the folder for records and downloads.
        dsc: the source package to start from; without it Launchpad is asked for `version`.
        version: the version to start from; the newest in Ubuntu when empty.
        maintainer: "Name <address>"; DEBFULLNAME and DEBEMAIL (dch(1)) when empty.
        bug: the Launchpad bug; 0 until there is one.
        now: the changelog's date.
        backoff: seconds before a broken download is tried again.

    Raises:
        UsageError: the recipe exists, a series is unknown, or the .dsc is another package.
        InputError: there is no .dsc to start from.
        RemoteError: Launchpad has to be asked and gives no answer.
    """
    if path.exists():
        raise UsageError(
            "there is a recipe already, and it is not overwritten",
            where=str(path),
            advice="name another file with --recipe",
        )
    records = Records(cache, client)
    base = (
        _local_base(dsc, path, source)
        if dsc is not None
        else _published_base(source, version, records, cache, backoff)
    )
    text = edit.new_recipe(
        source,
        series,
        base=base,
        version=dsc_file.upstream_part(base.version),
        archive=_archive(source, series, records),
        maintainer=maintainer or _maintainer(),
        date=format_datetime(now or datetime.now(UTC)),
        bug=bug,
    )
    edit.create_file(path, text)
    return text


def command(args: argparse.Namespace) -> int:
    """`backport init`: write the recipe and say what comes next; the exit code."""
    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client:
        first_recipe(
            args.recipe,
            args.name,
            args.series,
            None if args.offline else client,
            args.cache,
            dsc=args.dsc,
            maintainer=args.maintainer,
            bug=args.bug,
        )
    if args.json:
        print(json.dumps({"written": str(args.recipe)}))
    elif not args.quiet:
        print(f"{args.recipe} is written; look through it, then run: backport plan")
    return 0


def _local_base(dsc: Path, recipe: Path, source: str) -> BasePin:
    if not dsc.is_file():
        raise UsageError("there is no such .dsc", where=str(dsc), advice="mend --dsc")
    info = dsc_file.read_dsc(dsc)
    if info.source != source:
        raise UsageError(
            f"this is the source package {info.source}, not {source}",
            where=str(dsc),
            advice="name that source, or another .dsc",
        )
    info.orig()
    for file in info.files:
        beside = dsc.parent / file.name
        if not beside.is_file() or sha256_of(beside) != file.sha256:
            raise InputError(
                f"{file.name} is not beside it, or has another hash than the .dsc says",
                where=str(dsc),
                advice="fetch the whole source package",
            )
    return BasePin(
        version=info.version,
        dsc=dsc.name,
        sha256=sha256_of(dsc),
        path=os.path.relpath(dsc.resolve(), recipe.parent.resolve()),
    )


def _published_base(
    source: str, version: str, records: Records, cache: Path, backoff: float
) -> BasePin:
    if not version:
        answer = records.published(source, "")
        if answer is None:
            raise records.trouble or _nothing_to_start_from(source)
        there = [one for one in answer.publications if one.in_archive]
        if not there:
            raise _nothing_to_start_from(source)
        version = max((one.version for one in there), key=Version)
    found = find(source, version, records, cache, backoff=backoff)
    if found is None:
        raise _nothing_to_start_from(source)
    return found.pin


def _nothing_to_start_from(source: str) -> InputError:
    return InputError(
        "no publication record tells of a source package to start from",
        where=source,
        advice="name one with --dsc FILE",
    )


def _archive(
    source: str, series: Sequence[str], records: Records
) -> Mapping[tuple[str, str], Published]:
    result = {}
    for name in series:
        answer = records.published(source, name)
        if answer is not None:
            result[source, name] = newest_in_archive(answer, records)
    return result


def _maintainer() -> str:
    name, address = os.environ.get("DEBFULLNAME", ""), os.environ.get("DEBEMAIL", "")
    if not name or not address:
        raise UsageError(
            "the maintainer is not known",
            where="DEBFULLNAME and DEBEMAIL",
            advice="set both, or use --maintainer 'Name <address>'",
        )
    return f"{name} <{address}>"
