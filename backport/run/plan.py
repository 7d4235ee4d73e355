"""recipe -> graph of steps. Pure: what a step needs and which inputs it reads, nothing run.

The way of the data is that of `KINDS`; a step's id is also its folder below the work folder.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backport.check import planned
from backport.engine.step import KINDS, Step, StepId, hash_text, hash_tree
from backport.recipe.model import MatrixTest, Recipe, Source, Variant
from backport.recipe.patch_folder import overlay_files, patch_names, quilt_series_file
from backport.recipe.versions import built_version, with_versions

Hash = Callable[[Path], str]


@dataclass(frozen=True)
class Selection:
    """What the user asked for; empty means all. `long` adds what a plain run samples only.

    Without `checks` none is made. A run that names its `tests` does not install, upgrade, remove
    and purge all packages.
    """

    series: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    until: str = "test"
    long: bool = False
    checks: bool = True


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _fetch_step(source: Source, name: str) -> Step:
    upstream = asdict(source.upstream) if source.upstream else None
    fixed = {"upstream": upstream, "pins": [asdict(pin) for pin in source.pins]}
    inputs = [("place", hash_text(_json(fixed)))]
    return Step(StepId("fetch", source=name), inputs=tuple(inputs))


def _source_step(
    recipe: Recipe, source: Source, series: str, variant: Variant | None, name: str, *, hashed: Hash
) -> Step:
    source = source.in_series(series)
    quilt_series = quilt_series_file(source, series, variant)
    published = recipe.one_series(series).archive.get(name)
    control = with_versions(recipe, source, recipe.one_series(series), variant).control
    parts = {
        "version": source.version,
        "pinned": source.pinned.version if source.pinned else "",
        "changes": source.changes_in(series),
        "control": [asdict(edit) for edit in control],
        "series": recipe.one_series(series).version,
        "made": built_version(source, recipe.one_series(series))[0],
        "update": (recipe.bug, recipe.maintainer, recipe.date),
        "variant": variant.name if variant else "",
        # Entries of the changelog that are newer than this go into the source .changes.
        "since": published.version if published else "",
    }
    if source.packaging:
        parts["packaging"] = [asdict(edit) for edit in source.packaging]
    if name != source.name:
        parts["package"] = (source.name, source.debian_version)
    inputs = {
        "recipe": hash_text(_json(parts)),
        "patches": hash_tree(source.patches, patch_names(quilt_series)),
        "quilt series": hash_text(quilt_series.read_text() if quilt_series else ""),
        "tests": hashed(source.tests),
        "tests' library": hashed(source.tests.parent / "lib"),
    }
    if not source.pins:
        inputs["packaging"] = hashed(source.patches / "debian")
    if overlay := overlay_files(source, series):
        names = (str(path.relative_to(source.patches)) for path in overlay.values())
        inputs["overlay"] = hash_tree(source.patches, names)
    return Step(
        StepId("source", series, name, variant.name if variant else ""),
        needs=(StepId("fetch", source=name),),
        inputs=tuple(inputs.items()),
    )


def _build_step(
    recipe: Recipe, made: StepId, others: Collection[StepId], checked: Collection[StepId]
) -> Step:
    """The build of a source package that a step `made`, with all that its needs need of `others`.

    What is not made for a series is there already; a build waits for the check of its source.
    """
    check = replace(made, kind="check", variant="", test=planned.SOURCE)
    needs = [made, *({check} & {*checked}), StepId("base", made.series)]
    needed = recipe.with_needs(recipe.built(made.source).needs)
    in_variant = recipe.variant(made.variant).sources if made.variant else ()
    for other in others:
        variant = made.variant if other.source in in_variant else ""
        if other.source in needed and (other.series, other.variant) == (made.series, variant):
            needs.append(replace(other, kind="build"))
    return Step(replace(made, kind="build"), needs=tuple(needs))


def wanted_tests(recipe: Recipe, series: str, selection: Selection) -> Iterator[MatrixTest]:
    """The rows of the matrix that a run tests in a series."""
    for test in recipe.matrix:
        if series not in recipe.built(test.source).series:
            continue  # not uploaded there: none of our tests come with it
        if any(series not in source.package.series for source in recipe.test_sources_of(test)):
            continue
        if selection.tests and test.name not in selection.tests:
            continue
        if selection.sources and test.source not in selection.sources:
            continue
        if test.run == "every" or selection.long:
            yield test


def _test_steps(
    recipe: Recipe,
    series: str,
    test: MatrixTest,
    builds: Collection[StepId],
    older: Collection[str],
    *,
    hashed: Hash,
) -> Iterator[Step]:
    beside = {test.source, *test.extra, *(older if test.from_archive else ())}
    before = recipe.before(test)
    plain = [
        build
        for build in builds
        if build.series == series
        and not build.variant
        and (recipe.test_source(build.source) is None or build.source in beside)
    ]
    base = StepId("base", series)
    old = [one for one in builds if one.series == series and one.source in before - beside]
    row = (test.name, test.timeout, *([test.before] if test.before else ()))
    row_input = (("row", hash_text(_json(row))),)
    matrix = (
        *row_input,
        ("matrix", hashed(test.folder.path)),
        *(("library", hashed(one)) for one in test.folder.library),
    )
    own = (base,) if test.matrix else (base, StepId("source", series, test.source))
    yield Step(
        StepId("test", series, test.source, test=test.name),
        (*own, *plain, *old),
        matrix if test.matrix else row_input,
        limit=test.timeout,
    )
    # A control may run the test that is shipped.
    shipped = ("tests", hashed(recipe.built(test.source).tests))
    for control in test.controls:
        replaced = recipe.variant(control.variant).sources if control.variant else ()
        kept = [build for build in plain if build.source not in replaced]
        changed = [StepId("build", series, name, control.variant) for name in replaced]
        yield Step(
            StepId("test", series, test.source, control.variant, control.test),
            (base, *kept, *(build for build in changed if build in builds)),
            (*matrix, shipped),
            control=True,
            limit=test.timeout,
        )


def make(
    recipe: Recipe,
    selection: Selection,
    base_kind: str,
    base_inputs: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[StepId, Step]:
    """The graph of a run: every step by its id, those that others need first.

    Parameters:
        base_kind: ``ubuntu`` or ``stand-in``; part of the inputs of everything built on it.
        base_inputs: for each series what else its base depends on, as names and hashes.
    """
    wanted = selection.checks and selection.until in ("check", "test")
    lifecycle = wanted and (selection.long or not selection.tests)
    chosen = selection.series or tuple(one.name for one in recipe.series)
    series_names = [one.name for one in recipe.series if one.name in chosen]
    asked = selection.sources or tuple(source.name for source in recipe.sources)
    rows = {name: [*wanted_tests(recipe, name, selection)] for name in series_names}
    named = (one for some in rows.values() for row in some for one in recipe.test_sources_of(row))
    closure = recipe.with_needs((*asked, *(one.name for one in named)))
    # What upgrades start from is built in its own series, or is in the base.
    older = {
        name: recipe.with_needs(planned.older_sources(recipe, name, recipe.with_needs(asked)))
        for name in (series_names if base_kind != "ubuntu" else ())
        if lifecycle or any(row.from_archive for row in rows[name])
    }
    sources = _sources(recipe, closure, older)
    fetched = (_fetch_step(source, name) for name, source in sources.items())
    steps = {step.id: step for step in fetched}
    hashed = functools.cache(hash_tree)  # sources and rows share folders
    for series, some in rows.items():
        controls = (control for row in some for control in row.controls if control.variant)
        variants = [recipe.variant(name) for name in dict.fromkeys(one.variant for one in controls)]
        for name, source in sources.items():
            for variant in (None, *(one for one in variants if name in one.sources)):
                if series in source.series:
                    step = _source_step(recipe, source, series, variant, name, hashed=hashed)
                    steps[step.id] = step
    dependencies = StepId("dependencies")
    made = tuple(step_id for step_id in steps if step_id.kind == "source")
    steps[dependencies] = Step(dependencies, made, _inputs_of_dependencies(recipe))
    previous = dependencies
    for series in series_names:
        step = Step(
            StepId("base", series),
            needs=tuple(dict.fromkeys((dependencies, previous))),
            inputs=(
                ("base", base_kind),
                ("mirror", recipe.one_series(series).mirror),
                *sorted((base_inputs or {}).get(series, {}).items()),
            ),
        )
        steps[step.id] = step
        previous = step.id
    own = [one for one in made if not one.variant and not recipe.test_source(one.source)]
    checks = [planned.of_source(recipe, one) for one in own if selection.checks]
    checked = {step.id: step for step in checks}
    builds = {step.id: step for step in (_build_step(recipe, one, made, checked) for one in made)}
    steps |= checked | builds
    for series, some in rows.items():
        for row in some:
            tests = _test_steps(recipe, series, row, builds, older.get(series, ()), hashed=hashed)
            steps |= {step.id: step for step in tests}
    if selection.checks:
        built = planned.steps(recipe, steps, long=selection.long, lifecycle=lifecycle, older=older)
        steps |= {step.id: step for step in built}
    return _until(steps, selection)


def _sources(recipe: Recipe, closure: set[str], older: Mapping[str, set[str]]) -> dict[str, Source]:
    """What is built: the sources and test sources of `closure`, and the older ones by series."""
    built = {source.name: source for source in recipe.sources if source.name in closure}
    for test_source in recipe.test_sources:
        if test_source.name in closure:
            built[test_source.name] = test_source.package
        elif series := tuple(name for name, names in older.items() if test_source.name in names):
            built[test_source.name] = replace(test_source.package, series=series)
    return built


def _inputs_of_dependencies(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """The files that name what tests and packages install: of all sources, chosen or not."""
    folders = [("matrix", folder.path) for folder in recipe.matrix_folders]
    folders += [(f"tests of {one.name}", one.tests) for one in recipe.sources]
    packages = {one.name: one for one in recipe.sources}
    packages |= {one.name: one.package for one in recipe.test_sources}
    folders += [(f"packaging of {name}", one.patches / "debian") for name, one in packages.items()]
    return tuple((name, hash_tree(folder, ["control"])) for name, folder in folders)


def _until(steps: dict[StepId, Step], selection: Selection) -> dict[StepId, Step]:
    """Only what the last kind asked for, and what that needs."""
    last = selection.until
    chosen: set[StepId] = set()
    todo = [one for one in steps if KINDS.index(one.kind) <= KINDS.index(last)]
    if last not in ("dependencies", "base"):
        todo = [one for one in todo if one.kind not in ("dependencies", "base")]
    while todo:
        step_id = todo.pop()
        if step_id not in chosen:
            chosen.add(step_id)
            todo += steps[step_id].needs
    return {step_id: step for step_id, step in steps.items() if step_id in chosen}
