"""Run a graph of steps side by side: skip what is up to date, go on after failures, resume."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

from backport.engine import process, programs, recorder, schedule
from backport.engine.events import Finished, Planned, Sink, Started
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome, Result, Store, step_key
from backport.engine.verdict import Broken, Failed, Passed, Skipped
from backport.errors import BackportError, InputError, MachineError, RemoteError, StepError

Action = Callable[[Step, Path, Mapping[StepId, Path]], Outcome]

# How long a program may take to end when the run is interrupted; sbuild removes its chroot.
_GRACE_SECONDS = 20.0
_SIGNAL_SECONDS = 0.5


def run(
    steps: Mapping[StepId, Step],
    actions: Mapping[str, Action],
    store: Store,
    *,
    jobs: int,
    sink: Sink,
    base: str = "",
) -> dict[StepId, Result]:
    """Run every step whose needs have passed; returns how each ended, in the plan's order.

    Parameters:
        actions: the action of each kind of step; it gets the step, an empty folder to fill, and
            the folders of the steps that it needs.
        jobs: how many steps run at once.

    A step whose need did not pass is Skipped with that reason. An interrupt, or an error of the
    toolkit's own, ends the programs that run, and then the run: what a step has done until then
    says nothing, so it leaves no result, and the next run does it anew.
    """
    sink(Planned(tuple(steps.values()), base))
    chain = schedule.chains(steps, store.seconds)
    sorter = TopologicalSorter({step_id: step.needs for step_id, step in steps.items()})
    sorter.prepare()
    results: dict[StepId, Result] = {}
    running: dict[Future[Result | None], StepId] = {}
    stopped = threading.Event()
    ready: list[StepId] = []
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="step") as pool:
        try:
            while sorter.is_active():
                ready += sorter.get_ready()
                ready.sort(key=lambda step_id: -chain[step_id])
                while ready and len(running) < jobs:
                    step = steps[ready.pop(0)]
                    early = _settled(step, results, store)
                    if early is not None:
                        results[step.id] = early
                        sink(Finished(step, early))
                        sorter.done(step.id)
                        ready += sorter.get_ready()
                        ready.sort(key=lambda step_id: -chain[step_id])
                        continue
                    sink(Started(step))
                    key = step_key(step, {need: results[need].digest for need in step.needs})
                    running[pool.submit(_run_one, step, key, actions, store, stopped)] = step.id
                if not running:
                    continue
                # With a limit: a signal that another thread takes, or that comes in the moment
                # before the wait, is seen by Python only when the main thread runs again.
                done, _ = wait(running, timeout=_SIGNAL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    step_id = running.pop(future)
                    result = future.result()
                    assert result is not None, "only a run that was stopped has none"
                    results[step_id] = result
                    sink(Finished(steps[step_id], result))
                    sorter.done(step_id)
        except BaseException:
            stopped.set()
            process.stop_all()
            _, left = wait(running, timeout=_GRACE_SECONDS)
            if left:
                process.kill_all()
            raise
    return {step_id: results[step_id] for step_id in steps}


def _settled(step: Step, results: Mapping[StepId, Result], store: Store) -> Result | None:
    """The result of a step that need not or cannot run."""
    for need in step.needs:
        if not isinstance(results[need].verdict, Passed):
            reason = f"{need} did not pass"
            return Result(step.id, "", Skipped(reason), "", 0.0, time.time())
    key = step_key(step, {need: results[need].digest for need in step.needs})
    return store.fresh(step.id, key)


def _run_one(
    step: Step,
    key: str,
    actions: Mapping[str, Action],
    store: Store,
    stopped: threading.Event,
) -> Result | None:
    """The result of a step, put in its place; None if the run was stopped meanwhile."""
    started = time.time()
    scratch = store.scratch(step.id)
    needs = {need: store.folder(need) for need in step.needs}
    try:
        with recorder.recording() as recording:
            outcome = actions[step.id.kind](step, scratch, needs)
    except (MachineError, RemoteError) as error:
        outcome = Outcome(Broken(str(error)), exit_code=error.exit_code)
    except BackportError as error:
        stage = "input" if isinstance(error, InputError) else step.id.kind
        outcome = Outcome(Failed(stage, str(error)), exit_code=error.exit_code)
    if stopped.is_set():
        return None
    if not outcome.exit_code and isinstance(outcome.verdict, (Failed, Broken)):
        outcome = replace(outcome, exit_code=StepError.exit_code)
    programs.write(recording, scratch / programs.FILE)
    return store.commit(step.id, key, outcome, scratch, started)
