"""In which order steps start, and how long a run of them takes.

The one whose chain of later steps takes longest starts first.

The length of a step is that of its last run. A step that never ran is taken for a usual one of its
kind; a test that may take long is taken for a tenth of its time limit, so that the tests that only
``--long`` runs start before the short ones.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from backport.engine.step import Step, StepId

USUAL_SECONDS = {
    "fetch": 2.0,
    "source": 4.0,
    "dependencies": 1.0,
    "base": 60.0,
    "build": 40.0,
    "check": 10.0,
    "check of a series": 45.0,
    "test": 20.0,
}
"""What a step of each kind took in cold runs of a recipe of five sources on two cores, rounded."""


def default_jobs() -> int:
    """How many steps run at once: two more than the processor has cores.

    Tests wait for answers and for each other, testbeds for their boot: in a cold run of 116 steps
    on two cores, three at once left the cores idle for 14 % of 609 s; four took 544 s.
    """
    return (os.cpu_count() or 1) + 2


def lengths(steps: Mapping[StepId, Step], last: Mapping[StepId, float]) -> dict[StepId, float]:
    """The seconds that each step may take.

    Parameters:
        last: the seconds that a step took when it last ran, for those that ever did.
    """
    return {
        step_id: last.get(step_id, max(_usual(step_id), step.limit / 10))
        for step_id, step in steps.items()
    }


def _usual(step_id: StepId) -> float:
    of_series = step_id.kind == "check" and not step_id.source
    return USUAL_SECONDS["check of a series" if of_series else step_id.kind]


def chains(steps: Mapping[StepId, Step], seconds: Mapping[StepId, float]) -> dict[StepId, float]:
    """The seconds from the start of each step to the end of the longest chain that needs it.

    Parameters:
        seconds: the length of each step.
    """
    chain = dict(seconds)
    order = TopologicalSorter(
        {step_id: step.needs for step_id, step in steps.items()}
    ).static_order()
    for step_id in reversed(list(order)):
        for need in steps[step_id].needs:
            chain[need] = max(chain[need], seconds[need] + chain[step_id])
    return chain


@dataclass(frozen=True)
class Replay:
    """A run of some steps: all in seconds.

    `work` is the sum of all steps, `path` the longest chain of steps that need one another, and
    `total` the run's length for each number of workers. No number makes it shorter than `path`.
    """

    work: float
    path: tuple[tuple[StepId, float], ...]
    total: Mapping[int, float]


def replay(
    steps: Mapping[StepId, Step], seconds: Mapping[StepId, float], workers: tuple[int, ...]
) -> Replay:
    """How long steps of known lengths take, started in the order in which a run starts them.

    Parameters:
        seconds: the length of each step. workers: the numbers of steps that run at once.
    """
    chain = chains(steps, seconds)
    total = {number: _length(steps, seconds, chain, number) for number in workers}
    return Replay(sum(seconds[name] for name in steps), _path(steps, seconds, chain), total)


def _length(
    steps: Mapping[StepId, Step],
    seconds: Mapping[StepId, float],
    chain: Mapping[StepId, float],
    workers: int,
) -> float:
    sorter: TopologicalSorter[StepId] = TopologicalSorter(
        {name: step.needs for name, step in steps.items()}
    )
    sorter.prepare()
    now, ready, running = 0.0, list(sorter.get_ready()), list[tuple[float, str, StepId]]()
    while ready or running:
        ready.sort(key=lambda name: -chain[name])
        while ready and len(running) < workers:
            name = ready.pop(0)
            heapq.heappush(running, (now + seconds[name], str(name), name))
        now, _, name = heapq.heappop(running)
        sorter.done(name)
        ready += sorter.get_ready()
    return now


def _path(
    steps: Mapping[StepId, Step], seconds: Mapping[StepId, float], chain: Mapping[StepId, float]
) -> tuple[tuple[StepId, float], ...]:
    following: dict[StepId, list[StepId]] = {name: [] for name in steps}
    for name, step in steps.items():
        for need in step.needs:
            following[need].append(name)
    path: list[tuple[StepId, float]] = []
    candidates = list(steps)
    while candidates:
        name = max(candidates, key=lambda candidate: chain[candidate])
        path.append((name, seconds[name]))
        candidates = following[name]
    return tuple(path)
