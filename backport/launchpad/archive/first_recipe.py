"""Write the first recipe of an update, from .dsc files or from Launchpad's records."""

from __future__ import annotations

import argparse
import graphlib
import json
import os
import pwd
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from debian.changelog import Changelog
from debian.deb822 import Dsc
from debian.debian_support import Version

from backport.errors import InputError, RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.pin import find
from backport.launchpad.archive.publications import Records, newest_in_archive
from backport.recipe import init_text, outside
from backport.recipe.init_text import FirstSource
from backport.recipe.model import BasePin, Published
from backport.source import control
from backport.source import dsc as dsc_file
from backport.source.files import sha256_of

_RELATIONS = ("Build-Depends", "Build-Depends-Indep", "Build-Depends-Arch")
_ADDRESS = re.compile(r"(?:(?P<name>.*\S)\s+)?<?(?P<address>[^<>\s]+@[^<>\s]+)>?")


def first_recipe(
    path: Path,
    names: Sequence[str],
    series: Sequence[str],
    client: LaunchpadlibClient | None,
    cache: Path,
    *,
    dscs: Sequence[Path] = (),
    maintainer: str = "",
    bug: int = 0,
    now: datetime | None = None,
    backoff: float = 1.0,
) -> list[Path]:
    """Write a recipe that is complete and can be loaded, with the files that it needs beside it.

    Parameters:
        path: the new recipe; what is there is never overwritten.
        names: source packages. One that is in no .dsc is looked up: ``SOURCE`` is the newest in
            Ubuntu, ``SOURCE/SERIES`` what that series has.
        series: the series to upload to, by name.
        client: who asks Launchpad; None works from `dscs` and kept records.
        cache: the folder for records and downloads.
        dscs: source packages to start from, as local files.
        maintainer: "Name <address>"; see `maintainer_of` when empty.
        bug: the Launchpad bug; 0 until there is one.
        now: the changelog's date.
        backoff: seconds before a broken download is tried again.

    Returns what was written, the recipe first.

    Raises:
        UsageError: one of the files exists, a series is unknown, or a .dsc is twice of a package.
        InputError: there is no .dsc to start from, or it cannot be used.
        RemoteError: Launchpad has to be asked and gives no answer.
    """
    init_text.in_order(series)
    records = Records(cache, client)
    found = [_local(dsc, path) for dsc in dscs]
    there = [dsc_file.read_dsc(dsc).source for dsc, _ in found]
    if doubled := [name for name in there if there.count(name) > 1]:
        raise UsageError(
            f"two .dsc files are of {doubled[0]}", where="--dsc", advice="name each source once"
        )
    lacking = [name for name in names if name.partition("/")[0] not in there]
    if there and lacking and client is None:
        raise UsageError(
            f"no --dsc is of the source package {lacking[0]}, but of {', '.join(there)}",
            where=lacking[0],
            advice="name that source, or another .dsc",
        )
    found += [_published(name, records, cache, backoff) for name in lacking]
    if not found:
        raise UsageError("no source package is named", advice="name one, or a .dsc with --dsc FILE")
    for dsc, _ in found:
        dsc_file.require_format(dsc_file.read_dsc(dsc))
    sources = _sources(found)
    who, note = (maintainer, "") if maintainer else maintainer_of(os.environ, found[0][0])
    name = names[0].partition("/")[0] if names else there[0]
    beside = init_text.files_beside(sources, series)
    text = init_text.first_recipe(
        name,
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
            None if args.offline else client,
            args.cache,
            dscs=args.dsc,
            maintainer=args.maintainer,
            bug=args.bug,
        )
    if args.json:
        print(json.dumps({"written": str(args.recipe)}))
    elif not args.quiet:
        print("\n".join(f"{one} is written" for one in written))
        print(f"Look through it, then run: backport plan --recipe {args.recipe}")
    return 0


def maintainer_of(environment: Mapping[str, str], dsc: Path) -> tuple[str, str]:
    """The maintainer as dch(1) finds it, else the changelog's last one; and a remark about it."""
    given = environment.get("DEBEMAIL") or environment.get("EMAIL") or ""
    match = _ADDRESS.fullmatch(given.strip())
    if match is not None:
        account = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0]
        names = (environment.get("DEBFULLNAME"), environment.get("NAME"), match["name"], account)
        name = next((one for one in names if one), "")
        if name:
            return f"{name} <{match['address']}>", ""
    changelog = Changelog(dsc_file.debian_texts(dsc)["changelog"], max_blocks=1)
    return str(changelog.author), "of the changelog's last entry: write your own"


def _local(dsc: Path, recipe: Path) -> tuple[Path, BasePin]:
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
    return dsc, BasePin(info.version, dsc=dsc.name, sha256=sha256_of(dsc), path=place)


def _published(name: str, records: Records, cache: Path, backoff: float) -> tuple[Path, BasePin]:
    source, _, series = name.partition("/")
    advice = f"fetch it with: pull-lp-source -d {f'{source} {series}'.strip()}, and name its .dsc "
    advice += "with --dsc FILE"
    answer = records.published(source, series)
    if answer is None and records.trouble is not None:
        raise RemoteError(records.trouble.what, where=records.trouble.where, advice=advice)
    there = (
        [publication.version for publication in answer.publications if publication.in_archive]
        if answer
        else []
    )
    package = (
        find(source, max(there, key=Version), records, cache, backoff=backoff) if there else None
    )
    if package is None:
        raise InputError(
            "no publication record tells of a source package to start from",
            where=name,
            advice=advice,
        )
    return package.dsc, package.pin


def _sources(found: Sequence[tuple[Path, BasePin]]) -> list[FirstSource]:
    """The source packages, those that others build-depend on first.

    Raises:
        InputError: they build-depend on each other.
    """
    fields = [Dsc(dsc.read_bytes()) for dsc, _ in found]
    made = {
        package.strip(): one["Source"] for one in fields for package in one["Binary"].split(",")
    }
    needs: dict[str, tuple[str, ...]] = {}
    sources: dict[str, FirstSource] = {}
    for one, (dsc, pin) in zip(fields, found, strict=True):
        text = ",".join(one.get(field, "") for field in _RELATIONS)
        packages = [re.split(r"[\s(:\[<|]", relation)[0] for relation in control.relations(text)]
        needed = dict.fromkeys(made[package] for package in packages if package in made)
        needs[one["Source"]] = tuple(name for name in needed if name != one["Source"])
        tests = outside.dep8_tests(dsc_file.debian_texts(dsc).get("tests/control", ""))
        first = FirstSource(one["Source"], pin, _main_package(one), tests=(*tests,))
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


def _main_package(dsc: Dsc) -> str:
    """The binary package that stands for a source package: the one of its name, or the first."""
    listed = dsc.get("Package-List", [])
    names = [one["package"] for one in listed if one["package-type"] == "deb"]
    names = names or [name.strip() for name in dsc["Binary"].split(",")]
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
