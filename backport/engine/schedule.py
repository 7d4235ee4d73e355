"""In which order steps start: first the one whose chain of later steps takes longest.

The length of a step is that of its last run. A step that never ran is taken for a usual one of its
kind; a test that may take long is taken for a tenth of its time limit, so that the tests that only
``--long`` runs start before the short ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter

from backport.engine.step import Step, StepId

USUAL_SECONDS = {
    "fetch": 2.0,
    "source": 4.0,
    "dependencies": 1.0,
    "base": 60.0,
    "build": 40.0,
    "check": 25.0,
    "test": 30.0,
}
"""What a step of each kind took in cold runs of a recipe of five sources on two cores, rounded."""


def default_jobs() -> int:
    """How many steps run at once: one more than the processor has cores.

    In a cold run of 105 steps, two at once on two cores, the cores were idle for 28 % of the time:
    tests wait for answers and for each other, testbeds for their boot.
    """
    return (os.cpu_count() or 1) + 1


def expected_seconds(step: Step, last: Callable[[StepId], float | None]) -> float:
    """How long a step is likely to take.

    Parameters:
        last: the seconds that a step took when it last ran, None if it never did.
    """
    known = last(step.id)
    if known is not None:
        return known
    return max(USUAL_SECONDS[step.id.kind], step.limit / 10)


def chains(
    steps: Mapping[StepId, Step], last: Callable[[StepId], float | None]
) -> dict[StepId, float]:
    """The seconds from the start of each step to the end of the longest chain that needs it."""
    seconds = {step_id: expected_seconds(step, last) for step_id, step in steps.items()}
    chain = dict(seconds)
    order = TopologicalSorter(
        {step_id: step.needs for step_id, step in steps.items()}
    ).static_order()
    for step_id in reversed(list(order)):
        for need in steps[step_id].needs:
            chain[need] = max(chain[need], seconds[need] + chain[step_id])
    return chain
