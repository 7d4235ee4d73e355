"""The steps of the kind ``check`` in the graph of a run, and what each of them reads."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from debian.debian_support import Version

from backport.build import variation
from backport.engine.step import Step, StepId, hash_text, hash_tree
from backport.recipe.model import Recipe, Review
from backport.recipe.patch_folder import overlay_files
from backport.recipe.version_strings import upstream_part

# Reads the source package, before it is built.
SOURCE = "source"
# Checks that build or install again, beside the one that reads what was built.
REPRODUCIBLE = "reproducible"
LIFECYCLE = "lifecycle"
# Looks at what all source packages of a series ask a reviewer to read.
REVIEW = "review"


def older_sources(recipe: Recipe, series: str, chosen: Collection[str]) -> tuple[str, ...]:
    """The test sources that stand for what the series' archive has of some source packages.

    Parameters:
        chosen: names of the update's source packages. What one of them takes the place of in
            that series counts as well.
    """
    archive = recipe.one_series(series).archive
    before = {*chosen} | {
        one.name
        for one in recipe.retired
        if series in one.series and not {*one.by}.isdisjoint(chosen)
    }
    return tuple(
        source.name
        for source in recipe.test_sources
        if source.package.name in before
        and series in source.package.series
        and (there := archive.get(source.package.name)) is not None
        and there.version
        and upstream_part(there.version) == source.package.version
    )


def of_source(recipe: Recipe, made: StepId) -> Step:
    """The check of a source package, without which it is not built.

    Parameters:
        made: the step that makes it.
    """
    step_id = replace(made, kind="check", test=SOURCE)
    needs = (StepId("fetch", source=made.source), made)
    return _step(step_id, needs, recipe=_recipe_text(recipe, made.source, made.series))


def steps(
    recipe: Recipe,
    made: Mapping[StepId, Step],
    *,
    long: bool,
    lifecycle: bool = True,
    older: Mapping[str, Collection[str]],
) -> Iterator[Step]:
    """The checks of what was built.

    A plain run builds one package a second time, the first of the recipe in its first series, and
    upgrades from what the archive has; a long one builds all of them again, and upgrades from every
    older version at hand.

    Parameters:
        made: the steps that are there already, fetch to build.
        lifecycle: whether packages are installed, upgraded, removed and purged at all.
        older: by a series' name: the test sources that stand for what its archive has.
    """
    builds = [
        step
        for build, step in made.items()
        if build.kind == "build" and not build.variant and recipe.test_source(build.source) is None
    ]
    for step in builds:
        fetched = StepId("fetch", source=step.id.source)
        text = _recipe_text(recipe, step.id.source, step.id.series)
        yield _step(replace(step.id, kind="check"), (fetched, *step.needs, step.id), recipe=text)
    varied = variation.SCRIPT + variation.PATH
    for step in builds if long else builds[:1]:
        fetched = StepId("fetch", source=step.id.source)
        pinned = (fetched,) if recipe.source(step.id.source).pinned else ()
        again = replace(step.id, kind="check", test=REPRODUCIBLE)
        yield _step(again, (*step.needs, step.id, *pinned), variation=varied)
    limits = recipe.review
    for series in dict.fromkeys(step.id.series for step in builds):
        own = tuple(step.id for step in builds if step.id.series == series)
        if limits != Review():
            made_in = tuple(replace(build, kind="source") for build in own)
            text = json.dumps([limits.source, limits.all])
            yield _step(StepId("check", series, test=REVIEW), made_in, limits=text)
        if lifecycle:
            before = (
                build
                for build in made
                if (build.kind, build.series) == ("build", series)
                and recipe.test_source(build.source) is not None
                and (long or build.source in older.get(series, ()))
            )
            archive = recipe.one_series(series).archive
            text = json.dumps({name: archive[name].version for name in sorted(archive)})
            needs = (StepId("base", series), *own, *before)
            yield _step(StepId("check", series, test=LIFECYCLE), needs, archive=text)


def _step(step_id: StepId, needs: tuple[StepId, ...], **reads: str) -> Step:
    """A check that reads these texts, besides what it needs."""
    inputs = [(name, hash_text(text)) for name, text in reads.items()]
    return Step(step_id, needs, (*inputs, ("checks", _version_of_checks())))


def _recipe_text(recipe: Recipe, source_name: str, series_name: str) -> str:
    """What the checks of a source package and of its binary packages read of the recipe."""
    series, source = recipe.one_series(series_name), recipe.source(source_name)
    source = source.in_series(series_name)
    later = [one for one in recipe.series if Version(one.version) > Version(series.version)]
    parts = {
        "toolchain": {name: repr(one) for name, one in series.toolchain.items()},
        "overlay": sorted(overlay_files(source, series_name)),
        "pinned": source.pinned.version if source.pinned else "",
        "archive": {name: one.version for name, one in series.archive.items()},
        "later": [(one.name, repr(one.archive.get(source_name))) for one in later],
        "series": source.series,
        "bug": (recipe.bug, repr(recipe.bug_text), recipe.path.name),
        "edits": [repr(edit) for edit in (*source.control, *source.packaging)],
        "retired": [repr(one) for one in recipe.retired],
    }
    return json.dumps(parts, sort_keys=True)


@functools.cache
def _version_of_checks() -> str:
    """The hash of the checks themselves, and of the lintian that is installed."""
    here = Path(__file__).parent
    names = (str(path.relative_to(here)) for path in here.rglob("*") if path.is_file())
    rules = [name for name in names if name.endswith((".py", ".toml"))]
    lintian = Path("/usr/bin/lintian")
    changed = str(lintian.stat().st_mtime_ns) if lintian.is_file() else ""
    return hash_text(hash_tree(here, rules) + changed)
