"""Run a graph of steps side by side: skip what is up to date, go on after failures, resume."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

from backport.engine import programs, schedule, system_errors
from backport.engine.events import Finished, Note, Planned, Sink, Started
from backport.engine.process import Runner
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome, Result, Store, step_key
from backport.engine.verdict import Broken, Failed, Passed, Skipped
from backport.errors import BackportError, InputError, MachineError, RemoteError, StepError

Action = Callable[[Step, Path, Mapping[StepId, Path]], Outcome]

REGISTRY = "running"
"""The folder with a note of each running program, below the work folder."""
# How long a program may take to end when it is asked to; sbuild removes its chroot.
_GRACE_SECONDS = 20.0
# What a step may take beside its test's own time limit; its programs have shorter ones.
_LIMIT_SECONDS = 6 * 3600.0
_TOO_LONG = Broken("it has run for hours longer than any of its programs may")
# How often is looked for a signal: one that comes just before a wait does not end the wait.
_SIGNAL_SECONDS = 0.2


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

    A step whose need did not pass is Skipped with that reason; one that runs for too long is ended,
    and Broken. An interrupt, or an error of the toolkit's own, ends the programs that run, and then
    the run: what a step has done until then says nothing, so it leaves no result, and the next run
    does it anew.
    """
    last = {step_id: took for step_id in steps if (took := store.seconds(step_id)) is not None}
    seconds = schedule.lengths(steps, last)
    sink(Planned(tuple(steps.values()), base, seconds if last else {}, jobs))
    chain = schedule.chains(steps, seconds)
    sorter = TopologicalSorter({step_id: step.needs for step_id, step in steps.items()})
    sorter.prepare()
    results: dict[StepId, Result] = {}
    running: set[_Work] = set()
    ended: queue.SimpleQueue[_Work] = queue.SimpleQueue()
    ready = [*sorter.get_ready()]

    def finish(step: Step, result: Result) -> None:
        results[step.id] = result
        sink(Finished(step, result))
        sorter.done(step.id)
        ready.extend(sorter.get_ready())

    try:
        while sorter.is_active():
            while ready and len(running) < jobs:
                ready.sort(key=lambda step_id: -chain[step_id])
                step = steps[ready.pop(0)]
                key = step_key(step, {need: results[need].digest for need in step.needs})
                unmet = [one for one in step.needs if not isinstance(results[one].verdict, Passed)]
                if unmet:
                    skipped = Skipped(f"{unmet[0]} did not pass")
                    finish(step, Result(step.id, "", skipped, "", 0.0, time.time()))
                    continue
                if fresh := store.fresh(step.id, key, lambda text: sink(Note(text))):
                    finish(step, fresh)
                    continue
                sink(Started(step))
                work = _Work(step, key, actions[step.id.kind], store, ended)
                running.add(work)
                work.start()
            if running:
                work = _next(running, ended)
                running.remove(work)
                if isinstance(work.result, BaseException):
                    raise work.result
                finish(work.step, work.result)
    except BaseException:
        _stop(running)
        raise
    return {step_id: results[step_id] for step_id in steps}


class _Work(threading.Thread):
    """A step that runs; the thread does not hold up the end of the command."""

    result: Result | BaseException

    def __init__(
        self, step: Step, key: str, action: Action, store: Store, ended: queue.SimpleQueue[_Work]
    ) -> None:
        super().__init__(name=f"step {step.id}", daemon=True)
        self.step = step
        self.runner = Runner(store.work / REGISTRY)
        self.deadline = time.monotonic() + _LIMIT_SECONDS + step.limit
        self.late = False
        self._key = key
        self._action = action
        self._store = store
        self._ended = ended
        self._began = time.time()

    def run(self) -> None:
        """Do it, and say that it has ended."""
        try:
            self.result = self._done()
        except BaseException as error:  # it is raised where the step is waited for
            self.result = error
        self._ended.put(self)

    def _done(self) -> Result:
        store, step = self._store, self.step
        try:
            with system_errors.refusals(store.work):
                scratch = store.scratch(step.id)
                needs = {need: store.folder(need) for need in step.needs}
                outcome = attempt(self._action, step, scratch, needs, self.runner)
                if self.late:
                    outcome = Outcome(_TOO_LONG)
                elif self.runner.stopped:
                    raise InterruptedError
                if not outcome.exit_code and isinstance(outcome.verdict, (Failed, Broken)):
                    outcome = replace(outcome, exit_code=StepError.exit_code)
                programs.write(self.runner.commands, scratch / programs.FILE)
                return store.commit(step.id, self._key, outcome, scratch, self._began)
        except MachineError as error:  # not even its record can be written
            return self.unrecorded(Broken(str(error)), error.exit_code)

    def unrecorded(self, verdict: Broken, exit_code: int) -> Result:
        """A result that is in no folder."""
        seconds = time.time() - self._began
        return Result(
            self.step.id, self._key, verdict, "", seconds, self._began, exit_code=exit_code
        )


def attempt(
    action: Action, step: Step, scratch: Path, needs: Mapping[StepId, Path], runner: Runner
) -> Outcome:
    """Do a step, its programs by that runner; an error of ours is a verdict."""
    try:
        with runner.used(), system_errors.refusals(scratch):
            outcome = action(step, scratch, needs)
    except (MachineError, RemoteError) as error:
        outcome = Outcome(Broken(str(error)), exit_code=error.exit_code)
    except BackportError as error:
        stage = "input" if isinstance(error, InputError) else step.id.kind
        outcome = Outcome(Failed(stage, str(error)), exit_code=error.exit_code)
    if isinstance(outcome.verdict, (Failed, Broken)):
        exit_codes = {command.exit_code for command in runner.commands}
        refusal = system_errors.behind(outcome.verdict, scratch, exit_codes)
        if refusal is not None:
            outcome = Outcome(Broken(str(refusal)), exit_code=refusal.exit_code)
    return outcome


def _next(running: Collection[_Work], ended: queue.SimpleQueue[_Work]) -> _Work:
    """The step that ends next; one that runs for too long is ended."""
    while True:
        with suppress(queue.Empty):
            work = ended.get(timeout=_SIGNAL_SECONDS)
            if work in running:  # else it was given up
                return work
        for work in running:
            if time.monotonic() > work.deadline and not work.late:
                work.late = True
                _stop([work])
                if work.is_alive():  # what holds it is no program
                    work.result = work.unrecorded(_TOO_LONG, StepError.exit_code)
                    return work


def _stop(running: Collection[_Work]) -> None:
    """End the programs of steps: they are asked to, and killed where they do not."""
    for tell in (Runner.stop, Runner.kill):
        for work in running:
            tell(work.runner)
        limit = time.monotonic() + _GRACE_SECONDS
        for work in running:
            work.join(max(0.0, limit - time.monotonic()))
        if not any(work.is_alive() for work in running):
            return
