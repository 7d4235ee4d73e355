"""Test the packages that Launchpad publishes in -proposed, and not what was built here.

The graph of steps stays the same; a build step takes the published files by their sha256 in
place of building. The evidence of such a run is the only one that verifies anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from backport.engine import execute
from backport.engine.events import Note, Sink
from backport.engine.execute import Action
from backport.engine.outputs import PROPOSED
from backport.engine.step import Step, StepId, hash_text
from backport.engine.store import Outcome, Store
from backport.engine.verdict import Passed
from backport.environments.base import Base
from backport.errors import InputError
from backport.launchpad.builds.states import PublishedBinary
from backport.recipe.model import Recipe
from backport.recipe.versions import Pair
from backport.run import plan as planning
from backport.run.actions import Actions, Options
from backport.run.clean import tidy
from backport.run.plan import Selection
from backport.source import fetch
from backport.source.files import same_file
from backport.sru import bundle, run_record
from backport.sru.facts import Facts, uploads


def actions(
    own: Actions, published: Mapping[Pair, tuple[PublishedBinary, ...]]
) -> dict[str, Action]:
    """As `own`, but a build of the update's own takes the published files, by their hashes."""

    def build(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        files = published.get((step.id.source, step.id.series))
        if step.id.variant or files is None:
            return own.build(step, out, needs)  # such as a control's
        names = []
        for file in files:
            if file.file.endswith(".deb"):
                cache, offline = own.options.cache, own.options.offline
                got = fetch.fetch(file.url, file.sha256, cache, name=file.file, offline=offline)
                same_file(out / file.file, got)
                names.append(file.file)
        text = "".join(f"fetched {file.url}, sha256 {file.sha256}\n" for file in files)
        (out / "build.log").write_text(text)
        return Outcome(Passed(f"{len(names)} published packages"), tuple(sorted(names)))

    return {**own.table(), "build": build}


def published(recipe: Recipe, facts: Facts) -> dict[Pair, tuple[PublishedBinary, ...]]:
    """The files of every pair whose version in -proposed is the update's.

    Raises:
        InputError: there is none, so that nothing can be tested; or a file has no sha256.
    """
    ours = uploads(recipe)
    by_pair = {}
    for pair, files in facts.binaries.items():
        there = facts.in_pocket(pair, "Proposed")
        if there is None or there.version != ours.get(pair) or not files:
            continue
        for file in files:
            if not file.sha256:
                raise InputError(
                    "Launchpad does not say the sha256 of this file, so it is not tested",
                    where=file.file,
                    advice="try again when its publication is complete",
                )
        by_pair[pair] = files
    if not by_pair:
        why = f" ({facts.troubles[0]})" if facts.troubles else ""
        raise InputError(
            f"no package of this update is known to be in -proposed{why}",
            where=recipe.path.name,
            advice="verify when the SRU team has accepted it",
        )
    return by_pair


def run(
    recipe: Recipe, facts: Facts, work: Path, base: Base, options: Options, *, jobs: int, sink: Sink
) -> None:
    """Test what is published, in a store of its own below the work folder; make its evidence.

    Parameters:
        work: the work folder; its prepared bases are used. jobs: how many steps run at once.

    Raises:
        InputError: see `published`, and `bundle.make`. MachineError: another run has the folder.
    """
    files = published(recipe, facts)
    series = tuple(dict.fromkeys(name for _, name in files))
    home = work / PROPOSED
    home.mkdir(parents=True, exist_ok=True)
    (work / "bases").mkdir(exist_ok=True)
    if not (home / "bases").exists():
        (home / "bases").symlink_to("../bases")
    store = Store(home)
    steps = plan(recipe, base, files, series)
    table = actions(Actions(recipe, store, base, options), files)
    # The bases are those of the runs beside it.
    with Store(work).locked(), store.locked():
        tidy(store, options.cache, lambda text: sink(Note(text)))
        results = execute.run(steps, table, store, jobs=jobs, sink=sink, base=base.kind)
        ours = uploads(recipe)
        record = run_record.make(steps, results, {pair: ours[pair] for pair in files}, recipe)
        record.write(store.work)
        bundle.make(recipe, store, record, options.cache)


def plan(
    recipe: Recipe,
    base: Base,
    files: Mapping[Pair, tuple[PublishedBinary, ...]],
    series: tuple[str, ...],
) -> dict[StepId, Step]:
    """The graph of a run whose builds are the published files."""
    inputs = {one.name: base.inputs(one) for one in recipe.series}
    # The checks are about what is built here.
    steps = planning.make(recipe, Selection(series, checks=False), base.kind, inputs)
    for build, step in steps.items():
        own = files.get((build.source, build.series))
        if build.kind == "build" and not build.variant and own is not None:
            digest = hash_text(json.dumps([asdict(one) for one in own], sort_keys=True))
            steps[build] = replace(step, inputs=(*step.inputs, ("published", digest)))
    return steps
