"""What has to hold in a whole recipe: names, order, versions, and the files beside it."""

from __future__ import annotations

import graphlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from backport.errors import RecipeError
from backport.recipe import outside
from backport.recipe.keys import Fault
from backport.recipe.model import Recipe, Source
from backport.recipe.patch_folder import patch_names, quilt_series_files, series_faults
from backport.recipe.version_strings import upstream_part
from backport.recipe.versions import versions_named

_UPSTREAM = re.compile(r"[0-9][A-Za-z0-9.+~-]*[A-Za-z0-9.+]|[0-9]")


def check(recipe: Recipe, *, unpinned: bool = False) -> None:
    """Check a recipe whose values have the right types and forms.

    Parameters:
        unpinned: let a source have neither a pinned .dsc nor packaging of our own, or the .dsc of
            another version than it names.

    Raises:
        RecipeError: something does not hold; the sentence names the key and the fix.
    """
    for where, what, advice in _faults(recipe, unpinned=unpinned):
        file = "" if ".toml: " in where else f"{recipe.path.name}: "
        raise RecipeError(what, where=(file + where).removesuffix(": "), advice=advice)


def _faults(recipe: Recipe, *, unpinned: bool) -> Iterator[Fault]:
    """What is wrong, each with the file and the key, or with the key in the recipe's file."""
    for table, there in (("series", recipe.series), ("source", recipe.sources)):
        if not there:
            yield "", f"there is no {table}", f"add a table [{table}.NAME]"
    yield from outside.series_faults(recipe)
    yield from outside.archive_faults(recipe)
    for source in recipe.sources:
        where = f"source.{source.name}"
        yield from _source(recipe, source, where)
        yield from _versions(source, where, unpinned=unpinned)
        yield from _patches(recipe, source, where)
        yield from _packaging(source, where, unpinned=unpinned)
    taken: dict[str, str] = {}
    named = [(variant.name, variant.where) for variant in recipe.variants]
    for name, where in [*named, *((one.name, one.where) for one in recipe.test_sources)]:
        if name in taken:
            yield where, f"{taken[name]} has that name", "name it otherwise"
        taken[name] = where
    yield from _test_sources(recipe)
    yield from _cycle(recipe)
    series, sources = _names(recipe.series), _names(recipe.sources)
    for retired in recipe.retired:
        where = f"retired.{retired.name}"
        yield from _known(retired.series, series, f"{where}.series", "series")
        yield from _known(retired.by, sources, f"{where}.by", "source")
    yield from _variants(recipe)
    yield from _matrix(recipe)
    for number, item in enumerate(recipe.exception.items if recipe.exception else (), start=1):
        where = f"exception.item[{number}]"
        yield from _known(
            (item.source,) if item.tests else (), sources, f"{where}.source", "source"
        )
        rows = [row.name for row in recipe.matrix if row.source == item.source]
        yield from _known(item.tests, rows, f"{where}.tests", f"test of {item.source}")


def _names(named: Iterable[object]) -> list[str]:
    return [one.name for one in named]  # type: ignore[attr-defined]


def _known(names: Iterable[str], there: Iterable[str], where: str, what: str) -> Iterator[Fault]:
    """A fault for each of the names that is not there."""
    there = tuple(there)
    for name in names:
        if name not in there:
            advice = f"write one of {', '.join(there)}, or add it" if there else "add it"
            yield where, f"{name!r} is no {what} of this recipe", advice


def _source(recipe: Recipe, source: Source, where: str) -> Iterator[Fault]:
    series = _names(recipe.series)
    yield from _known(source.series, series, f"{where}.series", "series")
    yield from _known(source.needs, _names(recipe.sources), f"{where}.needs", "source")
    for name in source.needs_upstream.keys() - {*source.needs}:
        needs = ", ".join(f'"{need}"' for need in source.needs)
        advice = f"add it to needs = [{needs}], or take it out here"
        yield f"{where}.needs-upstream", f"{name!r} is not one of this source's needs", advice
    for key in ("changes", "control", "packaging"):
        for number, item in enumerate(getattr(source, key), start=1):
            yield from _known(item.series, series, f"{where}.{key}[{number}].series", "series")
    for name in source.series:
        if not source.changes_in(name):
            what = f"the changelog of {name} has no item"
            yield f"{where}.changes", what, "write one that holds there"
    for number, edit in enumerate(source.control, start=1):
        for name in sorted(versions_named(edit)):
            place = f"{where}.control[{number}]"
            if name not in source.needs:
                yield place, f"{name!r} is no need of this source", "add it to needs"
            lacking = {*(edit.series or source.series)} - {*recipe.source(name).series}
            if lacking:
                advice = f"write the archive's version there, or upload {name} there too"
                what = f"{{{name}}} has no version in {', '.join(sorted(lacking))}"
                yield place, what, advice
    for folder in source.patches.glob("overlay.*"):
        name = folder.name.partition(".")[2]
        yield from _known((name,), series, f"{where}.patches ({folder.name})", "series")
    for key, named in (("pinned", source.pinned_in), ("revision", source.revisions)):
        yield from _known(named, source.series, f"{where}.{key}", "series of this source")
    lacking = {*source.series} - {*source.pinned_in}
    if source.pinned_in and source.pinned is None and lacking:
        what = f"no .dsc is pinned for {', '.join(sorted(lacking))}"
        yield f"{where}.pinned", what, f"add [source.{source.name}.pinned.{min(lacking)}]"


def _test_sources(recipe: Recipe) -> Iterator[Fault]:
    sources, test_sources = _names(recipe.sources), _names(recipe.test_sources)
    for test_source in recipe.test_sources:
        source, where = test_source.package, test_source.where
        if test_source.name in sources:
            yield where, "a source package of the update has that name", "name it otherwise"
        yield from _known(source.series, _names(recipe.series), f"{where}.series", "series")
        names = [*sources, *test_sources]
        yield from _known(source.needs, names, f"{where}.needs", "source or test source")
        for name in source.needs:
            lacking = [one for one in source.series if one not in recipe.built(name).series]
            if lacking and recipe.test_source(name):
                advice = f"add it to test-source.{name}.series, or take it out here"
                yield f"{where}.series", f"{name} is not made for {', '.join(lacking)}", advice
        yield from _versions(source, where, unpinned=False)
        yield from _patches(recipe, source, where)
        yield from _packaging(source, where, unpinned=False)


def _versions(source: Source, where: str, *, unpinned: bool) -> Iterator[Fault]:
    if source.pinned_in and source.pinned is None:
        # They stand for nothing but a .dsc: each one has its own versions.
        pinned = [pin.version for pin in source.pinned_in.values()]
        for key, value, known in (
            ("version", source.version, [upstream_part(one) for one in pinned]),
            ("debian-version", source.debian_version, pinned),
        ):
            if value not in known:
                yield f"{where}.{key}", f"no pinned .dsc is of {value!r}", "take it out"
        return
    upstream = upstream_part(source.debian_version)
    if upstream != source.version:
        what = f"{source.debian_version!r} is of upstream's {upstream}, and version is "
        yield f"{where}.debian-version", f"{what}{source.version!r}", "make the two agree"
    if source.pinned and source.pinned.version != source.debian_version and not unpinned:
        what = f"the .dsc is of {source.pinned.version!r}, and debian-version is "
        advice = "correct debian-version, then run: backport pin --update --source "
        place = f"{where}.pinned.version"
        yield place, f"{what}{source.debian_version!r}", f"{advice}{source.name}"


def _patches(recipe: Recipe, source: Source, where: str) -> Iterator[Fault]:
    where, patches = f"{where}.patches", source.patches
    listed: set[str] = set()
    for file in quilt_series_files(patches):
        name = file.name.partition(".")[2]
        if name and not _may_have_patches(recipe, name):
            what = f"{file.name} is for {name!r}, which is neither a series nor a variant of this "
            yield where, f"{what}recipe nor an upstream version", f"rename or remove {file}"
        listed |= {*patch_names(file)}
        for place, what, advice in series_faults(file):
            yield where, f"{place}: {what}", advice
    for path in sorted(patches.glob("*.patch")):
        if path.name not in listed:
            what = f"{path.name} stands in no series file, so nothing applies it"
            yield where, what, f"add its name to {patches / 'series'}, or remove it"


def _may_have_patches(recipe: Recipe, name: str) -> bool:
    """Whether a quilt series may be for `name`: a series, an upstream version, a variant.

    Those of any other would be left out without a word.
    """
    variants = _names(recipe.variants)
    variant, _, version = name.partition(".")
    if variant in variants and version:
        name = version
    return name in (*_names(recipe.series), *variants) or bool(_UPSTREAM.fullmatch(name))


def _packaging(source: Source, where: str, *, unpinned: bool) -> Iterator[Fault]:
    if source.pins:
        return
    packaging = source.patches / "debian"
    if not unpinned and not (packaging / "control").is_file():
        what = "there is neither a pinned .dsc nor our own packaging"
        yield f"{where}.pinned", what, f"pin one with: backport pin, or write {packaging}"
    for name, instead in (
        ("changelog", "put its items into changes"),
        ("tests", f"put the tests into {source.tests}"),
    ):
        if (packaging / name).exists():
            what = f"our own packaging brings {name}, which the toolkit writes"
            yield f"{where}.patches", what, f"remove {packaging / name} and {instead}"


def _cycle(recipe: Recipe) -> Iterator[Fault]:
    needs = {source.name: source.needs for source in recipe.sources}
    needs |= {source.name: source.package.needs for source in recipe.test_sources}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        first = error.args[1][0]
        test_source = recipe.test_source(first)
        where = test_source.where if test_source else f"source.{first}"
        what = f"the sources need each other in a cycle: {' -> '.join(error.args[1])}"
        yield f"{where}.needs", what, "take one of these out of needs"


def _variants(recipe: Recipe) -> Iterator[Fault]:
    for variant in recipe.variants:
        where = variant.where
        sources = _names(recipe.sources)
        yield from _known(variant.sources, sources, f"{where}.without-patches", "source")
        for name in variant.patched:
            quilt_series = recipe.source(name).patches / f"series.{variant.name}"
            if not quilt_series.is_file():
                what = f"{name} has no quilt series for this variant"
                yield f"{where}.with-patches", what, f"write {quilt_series}"


def _matrix(recipe: Recipe) -> Iterator[Fault]:
    test_sources = _names(recipe.test_sources)
    taken: Counter[tuple[str, str]] = Counter()
    for row in recipe.matrix:
        where = row.where
        pinned = [one.name for one in recipe.test_sources if one.package.pinned and not row.matrix]
        sources = [*_names(recipe.sources), *pinned]
        variants = [control.variant for control in row.controls if control.variant]
        yield from _known((row.source,), sources, f"{where}.source", "source")
        yield from _known(variants, _names(recipe.variants), f"{where}.control.variant", "variant")
        yield from _known(row.extra, test_sources, f"{where}.with", "test source")
        before = (row.before,) if row.before else ()
        yield from _known(before, test_sources, f"{where}.before", "test source")
        tests = dict.fromkeys(control.test for control in row.controls)
        for key, name in (("name", row.name), *(("control.test", test) for test in tests)):
            taken[row.source, name] += 1
            if taken[row.source, name] > 1:
                what = f"{row.source} has a test {name!r} already"
                yield f"{where}.{key}", what, "take this row out, or name another test"
