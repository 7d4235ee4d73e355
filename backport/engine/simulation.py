"""How long a run takes with more or fewer workers, by its steps' lengths; nothing runs."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from backport.engine import schedule
from backport.engine.step import Step, StepId


@dataclass(frozen=True)
class Replay:
    """A run of some steps: all in seconds.

    `work` is the sum of all steps, `path` the longest chain of steps that need one another, and
    `total` the run's length for each number of workers. No number makes it shorter than `path`.
    """

    work: float
    path: tuple[tuple[StepId, float], ...]
    total: Mapping[int, float]

    @property
    def path_seconds(self) -> float:
        """The length of the longest chain."""
        return sum(seconds for _, seconds in self.path)


def replay(
    steps: Mapping[StepId, Step], seconds: Mapping[StepId, float], workers: tuple[int, ...]
) -> Replay:
    """Replay steps of known lengths, started in the order in which a run starts them.

    Parameters:
        seconds: the length of each step. workers: the numbers of steps that run at once.
    """
    chain = schedule.chains(steps, seconds.__getitem__)
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
