"""Runs the campaign's chunks in testbeds, any number side by side."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from backport.engine import outputs
from backport.engine.step import StepId
from backport.engine.store import Store
from backport.engine.verdict import Passed
from backport.environments import localrepo, prepared
from backport.environments.base import PreparedBase
from backport.errors import InputError, StepError, UsageError
from backport.recipe.model import Recipe
from backport.run import actions
from backport.run import plan as planning
from backport.run.plan import Selection
from backport.testbed import autopkgtest, matrix
from backport.testbed.lxc import Testbed
from study import campaign
from study import recipe as recipes
from study.campaign import Chunk

_TEST = "campaign"
_EXAMINE_SECONDS = 180
_SPARE_SECONDS = 420


@dataclass(frozen=True)
class Wish:
    """What was asked for: at most so many trials, at most so long, in so many testbeds.

    `trials` counts all chunks that are there, also those of earlier runs; 0 is no limit. `chunk`
    is the number of trials in one testbed, `workers` how many run side by side in it.
    """

    series: str
    variant: str
    seed: str
    trials: int
    seconds: float
    testbeds: int
    chunk: int
    workers: int
    chunk_seconds: float


class Numbers:
    """Hands out the chunks' first trials; several threads ask."""

    def __init__(self, wish: Wish, done: tuple[Chunk, ...], deadline: float) -> None:
        self._wish = wish
        self._lock = threading.Lock()
        self._next = campaign.next_first(done, wish.seed)
        self._left = wish.trials - sum(one.trials for one in done) if wish.trials else None
        self._deadline = deadline

    def take(self) -> tuple[int, int] | None:
        """The first trial of the next chunk and its number of trials; None when it is enough."""
        with self._lock:
            if time.monotonic() >= self._deadline or (self._left is not None and self._left <= 0):
                return None
            size = self._wish.chunk if self._left is None else min(self._wish.chunk, self._left)
            first, self._next = self._next, self._next + size
            if self._left is not None:
                self._left -= size
            return first, size


def folder(store: Store, series: str, variant: str) -> Path:
    """Where a campaign's chunks are."""
    return store.work / "risk" / "campaign" / (f"{series}+{variant}" if variant else series)


def run(recipe: Recipe, store: Store, wish: Wish, report: Callable[[Chunk], None]) -> None:
    """Run chunks until it is enough; each is kept as soon as it is done.

    Raises:
        UsageError: the recipe has no such test or variant.
        StepError: the packages are not built, or a testbed gave no result.
    """
    place = folder(store, wish.series, wish.variant)
    numbers = Numbers(wish, campaign.load(place), time.monotonic() + wish.seconds)
    base, debs = built(recipe, store, wish.series, _TEST, wish.variant)
    with store.temporary(f"repository/campaign-{place.name}") as scratch:
        repository = localrepo.publish(debs, scratch / "built")
        with (
            Testbed(base.testbed_root, {"built": repository, "base": base.repository}) as testbed,
            ThreadPoolExecutor(max_workers=wish.testbeds) as pool,
        ):
            workers = [
                pool.submit(_work, recipe, testbed, wish, numbers, place=place, report=report)
                for _ in range(wish.testbeds)
            ]
            for worker in workers:
                worker.result()


def export(recipe: Recipe, place: Path) -> None:
    """Write the field test as a source tree that any autopkgtest runs, such as a build farm's.

    It needs nothing of this machine: the packages under test are whatever the testbed has.

    Raises:
        InputError: something is there already, or a folder of tests is missing.
    """
    if place.exists():
        raise InputError("there is something already", where=str(place), advice="name a new folder")
    scratch = place.with_name(f".{place.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    tests = recipes.folder(recipe, _TEST)
    matrix.wrap(tests.path, scratch, library=tests.library)
    scratch.rename(place)


def arguments(seed: str, first: int, trials: int, seconds: float, workers: int) -> dict[str, str]:
    """The variable that tells the field test what to run."""
    words = (
        f"--seed {seed} --first {first} --trials {trials} --seconds {seconds:.0f} "
        f"--workers {workers} --examine-seconds {_EXAMINE_SECONDS}"
    )
    return {"MATRIX_ARGUMENTS": words}


def _work(
    recipe: Recipe,
    testbed: Testbed,
    wish: Wish,
    numbers: Numbers,
    *,
    place: Path,
    report: Callable[[Chunk], None],
) -> None:
    name = f"{_TEST}-control" if wish.variant else _TEST
    tests = recipes.folder(recipe, _TEST)
    while (taken := numbers.take()) is not None:
        first, size = taken
        out = place / "runs" / str(first)
        result = autopkgtest.run(
            tests.path,
            library=tests.library,
            testbed=testbed,
            only=(name,),
            timeout=wish.chunk_seconds + _EXAMINE_SECONDS + _SPARE_SECONDS,
            env=arguments(wish.seed, first, size, wish.chunk_seconds, wish.workers),
            out=out,
        )
        artifact = out / "artifacts" / campaign.RESULT
        if not artifact.is_file():
            raise StepError(
                f"the testbed gave no result: {actions.single_verdict(result, name)}",
                where=str(out),
                advice="look at its log",
            )
        report(campaign.keep(artifact, place, size))


def built(
    recipe: Recipe, store: Store, series: str, test: str, variant: str
) -> tuple[PreparedBase, list[Path]]:
    """The base and the packages of a series, as the step of a matrix test would have them.

    Raises:
        UsageError: the recipe has no such test or variant.
        StepError: the packages are not built.
    """
    selection = Selection(series=(series,), tests=(test,), until="test", long=True)
    steps = planning.make(recipe, selection, "")
    asked = ("test", series, variant, f"{test}-control" if variant else test)
    found = [one for one in steps if (one.kind, one.series, one.variant, one.test) == asked]
    if not found:
        raise UsageError(
            f"the recipe's matrix has no test {asked[3]} on {variant or 'the update'} for {series}",
            advice="the variant is one of the test's controls",
        )
    needs = steps[found[0]].needs
    for need in needs:
        last = store.last(need)
        if last is None or not isinstance(last.verdict, Passed):
            raise StepError(f"{need} is not there", advice=f"run: backport build --series {series}")
    base = prepared.read(store.folder(StepId("base", series)))
    return base, outputs.built_debs(store.folder(need) for need in needs)
