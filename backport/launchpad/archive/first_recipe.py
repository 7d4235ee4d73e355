"""Write the first recipe of an update, from .dsc files or from Launchpad's records."""

from __future__ import annotations

import argparse
import graphlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from debian.changelog import Changelog, get_maintainer
from debian.deb822 import Dsc
from debian.debian_support import Version

from backport.errors import InputError, RemoteError, UsageError, reading
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.pin import find
from backport.launchpad.archive.publications import Records, newest_in_archive
from backport.recipe import init_text
from backport.recipe.init_text import FirstSource
from backport.recipe.model import PinnedDsc, Published
from backport.source import dep8, relations
from backport.source import dsc as dsc_file
from backport.source.files import sha256_of


def first_recipe(
    path: Path,
    names: Sequence[str],
    series: Sequence[str],
    records: Records,
    cache: Path,
    *,
    dscs: Sequence[Path] = (),
    bug: int = 0,
    now: datetime | None = None,
) -> list[Path]:
    """Write a recipe that is complete and can be loaded, with the files that it needs beside it.

    Parameters:
        path: the new recipe; what is there is never overwritten.
        names: source packages. One that is in no .dsc is looked up: ``SOURCE`` is the newest in
            Ubuntu, ``SOURCE/SERIES`` what that series has.
        series: the series to upload to, by name.
        records: Launchpad's records, or the kept ones.
        cache: the folder of downloads.
        dscs: source packages to start from, as local files.
        bug: the Launchpad bug; 0 until there is one.
        now: the changelog's date.

    Returns what was written, the recipe first.

    Raises:
        UsageError: one of the files exists, a series is unknown, or a .dsc is twice of a package.
        InputError: there is no .dsc to start from, or it cannot be used.
        RemoteError: Launchpad has to be asked and gives no answer.
    """
    init_text.in_order(series)
    pins = [_local(dsc, path) for dsc in dscs]
    there = [dsc_file.read_dsc(dsc).source for dsc, _ in pins]
    if doubled := [name for name in there if there.count(name) > 1]:
        raise UsageError(
            f"two .dsc files are of {doubled[0]}", where="--dsc", advice="name each source once"
        )
    pins += [
        _published(name, records, cache) for name in names if name.partition("/")[0] not in there
    ]
    if not pins:
        raise UsageError("no source package is named", advice="name one, or a .dsc with --dsc FILE")
    for dsc, _ in pins:
        dsc_file.require_format(dsc_file.read_dsc(dsc))
    sources = _sources(pins)
    who, note = _maintainer(pins[0][0])
    beside = init_text.files_beside(sources, series)
    text = init_text.first_recipe(
        names[0].partition("/")[0] if names else there[0],
        sources,
        series,
        archive=_archive([source.name for source in sources], series, records),
        maintainer=who,
        maintainer_note=note,
        when=format_datetime(now or datetime.now(UTC)),
        bug=bug,
    )
    return init_text.write(path, text, beside)


def command(args: argparse.Namespace) -> int:
    """`backport init`: write the recipe and say what comes next; the exit code."""
    with closing(LaunchpadlibClient(args.cache / "launchpad")) as client:
        written = first_recipe(
            args.recipe,
            args.names,
            args.series,
            Records(args.cache, None if args.offline else client),
            args.cache,
            dscs=args.dsc,
            bug=args.bug,
        )
    if args.json:
        print(json.dumps({"written": str(args.recipe)}))
    elif not args.quiet:
        print("\n".join(f"{file} is written" for file in written))
        print(f"Look through it, then run: backport plan --recipe {args.recipe}")
    return 0


def _maintainer(dsc: Path) -> tuple[str, str]:
    """The maintainer as dch(1) finds it, else the changelog's last one; and a remark about it."""
    if os.environ.get("DEBEMAIL") or os.environ.get("EMAIL"):
        name, address = get_maintainer()
        if name:
            return f"{name} <{address}>", ""
    changelog = Changelog(dsc_file.debian_texts(dsc)["changelog"], max_blocks=1)
    return str(changelog.author), "of the changelog's last entry: write your own"


def _local(dsc: Path, recipe: Path) -> tuple[Path, PinnedDsc]:
    if not dsc.is_file():
        raise UsageError("there is no such .dsc", where=str(dsc), advice="mend --dsc")
    info = dsc_file.read_dsc(dsc)
    for file in info.files:
        beside = dsc.parent / file.name
        if not beside.is_file() or sha256_of(beside) != file.sha256:
            raise InputError(
                f"{file.name} is not beside it, or has another hash than the .dsc says",
                where=str(dsc),
                advice="fetch the whole source package",
            )
    place = os.path.relpath(dsc.resolve(), recipe.parent.resolve())
    return dsc, PinnedDsc(info.version, dsc=dsc.name, sha256=sha256_of(dsc), path=place)


def _published(name: str, records: Records, cache: Path) -> tuple[Path, PinnedDsc]:
    source, _, series = name.partition("/")
    answer = records.published(source, series)
    every = [one.version for one in answer.publications if one.in_archive] if answer else []
    package = find(source, max(every, key=Version), records, cache) if every else None
    if package is None:
        fetch = f"pull-lp-source -d {f'{source} {series}'.strip()}"
        trouble = records.troubles[-1] if records.troubles else None
        raise (RemoteError if trouble else InputError)(
            trouble.what if trouble else "no publication record tells of this source package",
            where=name,
            advice=f"fetch it with: {fetch}, and name its .dsc with --dsc FILE",
        )
    return package.dsc, package.pin


def _sources(pins: Sequence[tuple[Path, PinnedDsc]]) -> list[FirstSource]:
    """The source packages, those that others build-depend on first.

    Raises:
        InputError: a .dsc does not say what is built of it, or they build-depend on each other.
    """
    described: list[tuple[Dsc, str]] = []
    made: dict[str, str] = {}
    for dsc, _ in pins:
        with reading(dsc.name, what="no recipe can be made of this .dsc", advice="take another"):
            fields = Dsc(dsc.read_bytes())
            binaries = [name.strip() for name in fields["Binary"].split(",")]
            made |= dict.fromkeys(binaries, fields["Source"])
            described.append((fields, _main_package(fields, binaries)))
    needs: dict[str, tuple[str, ...]] = {}
    sources: dict[str, FirstSource] = {}
    for (fields, main), (dsc, pin) in zip(described, pins, strict=True):
        text = ",".join(fields.get(field, "") for field in relations.BUILD_DEPENDS)
        packages = relations.first_names(text)
        needed = dict.fromkeys(made[package] for package in packages if package in made)
        needs[fields["Source"]] = tuple(name for name in needed if name != fields["Source"])
        tests = dep8.named_tests(dsc_file.debian_texts(dsc).get("tests/control", ""))
        first = FirstSource(fields["Source"], pin, main, tests=(*tests,))
        sources[first.name] = first
    try:
        order = [*graphlib.TopologicalSorter(needs).static_order()]
    except graphlib.CycleError as error:
        raise InputError(
            f"they build-depend on each other: {' -> '.join(error.args[1])}",
            where="--dsc",
            advice="write the recipe of one of them, and add the others by hand",
        ) from error
    return [replace(sources[name], needs=needs[name]) for name in order]


def _main_package(dsc: Dsc, binaries: Sequence[str]) -> str:
    """The binary package that stands for a source package: the one of its name, or the first."""
    listed = dsc.get("Package-List", [])
    names = [one["package"] for one in listed if one["package-type"] == "deb"] or binaries
    return str(dsc["Source"] if dsc["Source"] in names else names[0])


def _archive(
    sources: Sequence[str], series: Sequence[str], records: Records
) -> Mapping[tuple[str, str], Published]:
    result = {}
    for source, name in ((source, name) for source in sources for name in series):
        answer = records.published(source, name)
        if answer is not None:
            result[source, name] = newest_in_archive(answer, records)
    return result
