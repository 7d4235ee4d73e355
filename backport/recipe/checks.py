"""What has to hold in a whole recipe: names, order, versions, and the files beside it."""

from __future__ import annotations

import graphlib
import re
from calendar import timegm
from collections.abc import Sequence
from email.utils import formatdate, parsedate
from pathlib import Path

from backport.errors import InputError, RecipeError
from backport.recipe import matrix_checks, outside
from backport.recipe.model import NAME, Recipe, Source, TestSource
from backport.recipe.patch_folder import patch_names, quilt_series_files
from backport.recipe.version_strings import upstream_part
from backport.recipe.versions import versions_named
from backport.source.changelog import MAINTAINER, timestamp

# Debian Policy 5.6.1. Names become folders, so there is no "..", and they are not too long for one
# together: a folder's name has at most 255 bytes.
_PACKAGE = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9+.-]{1,99}")
# A variant's name is a part of its packages' versions.
VARIANT = re.compile(r"[a-z]{1,32}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_%-]{0,199}")
_PART = r"[!-\-0-~][!-.0-~]{0,199}"
_PACKAGING = re.compile(rf"(?:{_PART}/)*{_PART}")
_LAUNCHPAD = re.compile(r"[a-z0-9][a-z0-9+.-]*/[a-z0-9][a-z0-9+.-]*")
_UPSTREAM = re.compile(r"[0-9][A-Za-z0-9.+~-]*[A-Za-z0-9.+]|[0-9]")


def check(recipe: Recipe, *, unpinned: bool = False) -> None:
    """Check a recipe whose values have the right types.

    Parameters:
        unpinned: let a source have neither a pinned .dsc nor packaging of our own.

    Raises:
        RecipeError: something does not hold; the sentence names the key and the fix.
    """
    file = recipe.path.name
    if not recipe.series or not recipe.sources:
        missing = "series" if not recipe.series else "source"
        raise RecipeError(
            f"there is no {missing}", where=file, advice=f"add a table [{missing}.NAME]"
        )
    _check_update(recipe, f"{file}: update")
    outside.check_series(recipe, file)
    for series in recipe.series:
        for name in series.archive:
            _package(name, f"{file}: series.{series.name}.archive.{name}")
    outside.check_archive(recipe, file)
    for source in recipe.sources:
        where = f"{file}: source.{source.name}"
        _check_source(recipe, source, where)
        _check_versions(source, where)
        _check_patches(recipe, source, where)
        _check_packaging(source, where, unpinned=unpinned)
    for one in recipe.test_sources:
        _check_test_source(recipe, one, one.where)
    _check_cycle(recipe, file)
    _check_retired(recipe, file)
    matrix_checks.check(recipe)
    _check_exception(recipe, file)


def _check_update(recipe: Recipe, where: str) -> None:
    matrix_checks.plain(
        recipe.name,
        NAME,
        f"{where}.name",
        "name of an update",
        "letters, digits and + - . _, at most 100 and none of the signs first",
    )
    if recipe.bug < 0:
        raise RecipeError(
            f"{recipe.bug} is no bug",
            where=f"{where}.bug",
            advice="write the Launchpad bug's number, or 0 until it is filed",
        )
    if not MAINTAINER.fullmatch(recipe.maintainer):
        raise RecipeError(
            f"{recipe.maintainer!r} is no maintainer",
            where=f"{where}.maintainer",
            advice='write "Name <address>"',
        )
    try:
        timestamp(recipe.date)
    except InputError as error:
        raise RecipeError(error.what, where=f"{where}.date", advice=error.advice) from error
    day = formatdate(timegm(parsedate(recipe.date) or ()))[:3]
    if recipe.date[:3] != day:
        raise RecipeError(
            f"that day is a {day}, not {recipe.date[:3]}",
            where=f"{where}.date",
            advice=f"write {day}, or another day",
        )
    if recipe.ppa and not _LAUNCHPAD.fullmatch(recipe.ppa):
        raise RecipeError(
            f"{recipe.ppa!r} is no PPA",
            where=f"{where}.ppa",
            advice='write "owner/name", or "" for none',
        )


def _check_changes(source: Source, series: Sequence[str], where: str) -> None:
    for number, change in enumerate(source.changes, start=1):
        matrix_checks.known(change.series, series, f"{where}.changes[{number}].series", "series")
    for name in source.series:
        if not source.changes_in(name):
            raise RecipeError(
                f"the changelog of {name} has no item",
                where=f"{where}.changes",
                advice="write one that holds there",
            )


def _check_control(recipe: Recipe, source: Source, series: Sequence[str], where: str) -> None:
    for number, edit in enumerate(source.control, start=1):
        matrix_checks.known(edit.series, series, f"{where}.control[{number}].series", "series")
        for name in sorted(versions_named(edit)):
            if name not in source.needs:
                raise RecipeError(
                    f"{name!r} is no need of this source",
                    where=f"{where}.control[{number}]",
                    advice="add it to needs",
                )
            lacking = set(edit.series or source.series) - set(recipe.source(name).series)
            if lacking:
                raise RecipeError(
                    f"{{{name}}} has no version in {', '.join(sorted(lacking))}",
                    where=f"{where}.control[{number}]",
                    advice=f"write the archive's version there, or upload {name} there too",
                )


def _check_source(recipe: Recipe, source: Source, where: str) -> None:
    _package(source.name, where)
    series = [one.name for one in recipe.series]
    matrix_checks.known(source.series, series, f"{where}.series", "series")
    matrix_checks.known(
        source.needs, [one.name for one in recipe.sources], f"{where}.needs", "source"
    )
    for name in source.needs_upstream:
        if name not in source.needs:
            raise RecipeError(
                f"{name!r} is not one of this source's needs",
                where=f"{where}.needs-upstream",
                advice=f"add it to needs = [{', '.join(map(_quoted, source.needs))}], or take it "
                "out here",
            )
    _check_changes(source, series, where)
    _check_control(recipe, source, series, where)
    _check_overlay(source, series, where)
    advice = "a file's name, without a folder"
    if source.upstream is not None:
        matrix_checks.plain(
            source.upstream.file, _FILE, f"{where}.upstream.file", "name of a file", advice
        )
    for key, named in (("base", source.bases), ("revision", source.revisions)):
        matrix_checks.known(named, source.series, f"{where}.{key}", "series of this source")
    lacking = set(source.series) - set(source.bases)
    if source.bases and source.base is None and lacking:
        raise RecipeError(
            f"there is no base for {', '.join(sorted(lacking))}",
            where=f"{where}.base",
            advice=f"add [source.{source.name}.base.{min(lacking)}]",
        )


def _check_overlay(source: Source, series: list[str], where: str) -> None:
    for number, edit in enumerate(source.packaging, start=1):
        matrix_checks.known(edit.series, series, f"{where}.packaging[{number}].series", "series")
        advice = "a path below debian/, such as hello.postrm"
        matrix_checks.plain(
            edit.file, _PACKAGING, f"{where}.packaging[{number}].file", "file", advice
        )
    for folder in source.patches.glob("overlay.*"):
        if folder.is_dir():
            name = folder.name.partition(".")[2]
            matrix_checks.known((name,), series, f"{where}.patches ({folder.name})", "series")


def _check_test_source(recipe: Recipe, one: TestSource, where: str) -> None:
    source = one.package
    if one.name in [other.name for other in recipe.sources]:
        raise RecipeError(
            "a source package of the update has that name", where=where, advice="name it otherwise"
        )
    _package(one.name, where)
    _package(source.name, f"{where}.source")
    series = [other.name for other in recipe.series]
    matrix_checks.known(source.series, series, f"{where}.series", "series")
    names = [*(other.name for other in recipe.sources), *(o.name for o in recipe.test_sources)]
    matrix_checks.known(source.needs, names, f"{where}.needs", "source or test source")
    for name in source.needs:
        lacking = [each for each in source.series if each not in recipe.built(name).series]
        if lacking and recipe.test_source(name):
            raise RecipeError(
                f"{name} is not made for {', '.join(lacking)}",
                where=f"{where}.series",
                advice=f"add it to test-source.{name}.series, or take it out here",
            )
    _check_versions(source, where)
    _check_patches(recipe, source, where)
    _check_packaging(source, where, unpinned=False)


def _check_versions(source: Source, where: str) -> None:
    if source.bases and source.base is None:
        # They stand for nothing but a base: each one has its own versions.
        pinned = [pin.version for pin in source.bases.values()]
        for key, value, known in (
            ("version", source.version, [upstream_part(one) for one in pinned]),
            ("debian-version", source.debian_version, pinned),
        ):
            if value not in known:
                raise RecipeError(
                    f"no base is of {value!r}", where=f"{where}.{key}", advice="take it out"
                )
        return
    upstream = upstream_part(source.debian_version)
    if upstream != source.version:
        raise RecipeError(
            f"{source.debian_version!r} is of upstream's {upstream}, and version is "
            f"{source.version!r}",
            where=f"{where}.debian-version",
            advice="make the two agree",
        )
    if source.base is not None and source.base.version != source.debian_version:
        raise RecipeError(
            f"the .dsc is of {source.base.version!r}, and debian-version is "
            f"{source.debian_version!r}",
            where=f"{where}.base.version",
            advice="correct debian-version, then run: backport pin --update --source "
            f"{source.name}",
        )


def _check_patches(recipe: Recipe, source: Source, where: str) -> None:
    listed: set[str] = set()
    for file in quilt_series_files(source.patches):
        name = file.name.partition(".")[2]
        if name and not _may_have_patches(recipe, name):
            raise RecipeError(
                f"{file.name} is for {name!r}, which is neither a series nor a variant of this "
                "recipe nor an upstream version",
                where=f"{where}.patches",
                advice=f"rename or remove {file}",
            )
        listed |= set(patch_names(file))
        for patch in patch_names(file):
            if Path(patch).is_absolute() or ".." in Path(patch).parts:
                raise RecipeError(
                    f"{file.name} lists {patch}, which leads out of {source.patches}",
                    where=f"{where}.patches",
                    advice="put the patch there",
                )
            if not (source.patches / patch).is_file():
                raise RecipeError(
                    f"{file.name} lists {patch}, which is not in {source.patches}",
                    where=f"{where}.patches",
                    advice="add the patch or take its line out",
                )
    for path in sorted(source.patches.glob("*.patch")):
        if path.name not in listed:
            raise RecipeError(
                f"{path.name} stands in no series file, so nothing applies it",
                where=f"{where}.patches",
                advice=f"add its name to {source.patches / 'series'}, or remove it",
            )


def _may_have_patches(recipe: Recipe, name: str) -> bool:
    """Whether a quilt series may be for `name`: a series, an upstream version, a variant.

    Those of any other would be left out without a word.
    """
    names = {series.name for series in recipe.series}
    names |= {variant.name for variant in recipe.variants}
    variant, _, version = name.partition(".")
    if variant in {variant.name for variant in recipe.variants} and version:
        name = version
    return name in names or bool(_UPSTREAM.fullmatch(name))


def _check_packaging(source: Source, where: str, *, unpinned: bool) -> None:
    for pin in source.pins:
        if not pin.sha256:
            continue  # still to be filled in
        advice = "a file's name, without a folder"
        matrix_checks.plain(pin.dsc, _FILE, f"{where}.base.dsc", "name of a file", advice)
        if not pin.dsc.endswith(".dsc"):
            raise RecipeError(
                f"{pin.dsc!r} is no .dsc",
                where=f"{where}.base.dsc",
                advice="name the .dsc of the source package",
            )
    if source.pins:
        return
    packaging = source.patches / "debian"
    if not unpinned and not (packaging / "control").is_file():
        raise RecipeError(
            "there is neither a pinned .dsc nor our own packaging",
            where=f"{where}.base",
            advice=f"pin one with: backport pin, or write {packaging}",
        )
    for name, instead in (
        ("changelog", "put its items into changes"),
        ("tests", f"put the tests into {source.tests}"),
    ):
        if (packaging / name).exists():
            raise RecipeError(
                f"our own packaging brings {name}, which the toolkit writes",
                where=f"{where}.patches",
                advice=f"remove {packaging / name} and {instead}",
            )


def _check_cycle(recipe: Recipe, file: str) -> None:
    try:
        needs = {source.name: source.needs for source in recipe.sources}
        needs |= {source.name: source.package.needs for source in recipe.test_sources}
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        raise RecipeError(
            f"the sources need each other in a cycle: {' -> '.join(error.args[1])}",
            where=f"{_table(recipe, file, error.args[1][0])}.needs",
            advice="take one of these out of needs",
        ) from error


def _table(recipe: Recipe, file: str, name: str) -> str:
    test_source = recipe.test_source(name)
    return test_source.where if test_source else f"{file}: source.{name}"


def _check_retired(recipe: Recipe, file: str) -> None:
    for retired in recipe.retired:
        where = f"{file}: retired.{retired.name}"
        _package(retired.name, where)
        matrix_checks.known(
            retired.series, [series.name for series in recipe.series], f"{where}.series", "series"
        )
        matrix_checks.known(
            retired.by, [source.name for source in recipe.sources], f"{where}.by", "source"
        )
        if retired.outcome == "superseded" and not retired.by:
            raise RecipeError(
                "it is superseded by nothing",
                where=f"{where}.by",
                advice="name the sources that take its place",
            )


def _check_exception(recipe: Recipe, file: str) -> None:
    for number, item in enumerate(recipe.exception.items if recipe.exception else (), start=1):
        where = f"{file}: exception.item[{number}]"
        sources = [source.name for source in recipe.sources]
        matrix_checks.known(
            (item.source,) if item.tests else (), sources, f"{where}.source", "source"
        )
        rows = [row.name for row in recipe.matrix if row.source == item.source]
        matrix_checks.known(item.tests, rows, f"{where}.tests", f"test of {item.source}")


def _package(name: str, where: str) -> None:
    if not _PACKAGE.fullmatch(name):
        raise RecipeError(
            f"{name!r} is no source package name",
            where=where,
            advice="use lower case letters, digits and + - . (Debian Policy 5.6.1)",
        )


def _quoted(name: str) -> str:
    return f'"{name}"'
