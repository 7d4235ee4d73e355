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
from backport.engine.events import Finished, Note, Planned, Sink, Started
from backport.engine.step import Step
from backport.engine.store import Outcome, Result, Store, step_key
from backport.engine.verdict import Broken, Failed, Passed, Skipped
from backport.errors import BackportError, InputError, MachineError, RemoteError, StepError

Action = Callable[[Step, Path, Mapping[str, Path]], Outcome]

# How long a program may take to end when the run is interrupted; sbuild removes its chroot.
_GRACE_SECONDS = 20.0


def run(
    steps: Mapping[str, Step],
    actions: Mapping[str, Action],
    store: Store,
    *,
    jobs: int,
    sink: Sink,
    base: str = "",
) -> dict[str, Result]:
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
    sorter = TopologicalSorter({name: step.needs for name, step in steps.items()})
    sorter.prepare()
    results: dict[str, Result] = {}
    running: dict[Future[Result | None], str] = {}
    stopped = threading.Event()
    ready: list[str] = []
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="step") as pool:
        try:
            while sorter.is_active():
                ready += sorter.get_ready()
                ready.sort(key=lambda name: -chain[name])
                while ready and len(running) < jobs:
                    name = ready.pop(0)
                    step = steps[name]
                    early = _settled(step, results, store, sink)
                    if early is not None:
                        results[name] = early
                        sink(Finished(step, early))
                        sorter.done(name)
                        ready += sorter.get_ready()
                        ready.sort(key=lambda name: -chain[name])
                        continue
                    sink(Started(step))
                    key = step_key(step, {need: results[need].digest for need in step.needs})
                    running[pool.submit(_run_one, step, key, actions, store, stopped)] = name
                if not running:
                    continue
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    name = running.pop(future)
                    result = future.result()
                    assert result is not None, "only a run that was stopped has none"
                    results[name] = result
                    sink(Finished(steps[name], result))
                    sorter.done(name)
        except BaseException:
            stopped.set()
            process.stop_all()
            _, left = wait(running, timeout=_GRACE_SECONDS)
            if left:
                process.kill_all()
            raise
    return {name: results[name] for name in steps}


def _settled(step: Step, results: Mapping[str, Result], store: Store, sink: Sink) -> Result | None:
    """The result of a step that need not or cannot run."""
    for need in step.needs:
        if not isinstance(results[need].verdict, Passed):
            reason = f"{need} did not pass"
            return Result(step.name, "", Skipped(reason), "", 0.0, time.time())
    key = step_key(step, {need: results[need].digest for need in step.needs})
    return store.fresh(step.name, key, lambda text: sink(Note(text)))


def _run_one(
    step: Step,
    key: str,
    actions: Mapping[str, Action],
    store: Store,
    stopped: threading.Event,
) -> Result | None:
    """The result of a step, put in its place; None if the run was stopped meanwhile."""
    started = time.time()
    scratch = store.scratch(step.name)
    needs = {need: store.folder(need) for need in step.needs}
    try:
        with recorder.recording() as recording:
            outcome = actions[step.kind](step, scratch, needs)
    except (MachineError, RemoteError) as error:
        outcome = Outcome(Broken(str(error)), exit_code=error.exit_code)
    except BackportError as error:
        stage = "input" if isinstance(error, InputError) else step.kind
        outcome = Outcome(Failed(stage, str(error)), exit_code=error.exit_code)
    if stopped.is_set():
        return None
    if not outcome.exit_code and isinstance(outcome.verdict, (Failed, Broken)):
        outcome = replace(outcome, exit_code=StepError.exit_code)
    programs.write(recording, scratch / programs.FILE)
    return store.commit(step.name, key, outcome, scratch, started)
