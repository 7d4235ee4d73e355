"""Run a graph of steps side by side: skip what is up to date, go on after failures, resume."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
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
    sink(Planned(tuple(steps.values()), base))
    chain = schedule.chains(steps, store.seconds)
    sorter = TopologicalSorter({step_id: step.needs for step_id, step in steps.items()})
    sorter.prepare()
    results: dict[StepId, Result] = {}
    running: set[_Work] = set()
    ended: queue.SimpleQueue[_Work] = queue.SimpleQueue()
    ready: list[StepId] = []

    def finish(step: Step, result: Result) -> None:
        results[step.id] = result
        sink(Finished(step, result))
        sorter.done(step.id)
        ready.extend(sorter.get_ready())

    ready.extend(sorter.get_ready())
    try:
        while sorter.is_active():
            while ready and len(running) < jobs:
                ready.sort(key=lambda step_id: -chain[step_id])
                step = steps[ready.pop(0)]
                early = _settled(step, results, store, sink)
                if early is not None:
                    finish(step, early)
                    continue
                sink(Started(step))
                key = step_key(step, {need: results[need].digest for need in step.needs})
                work = _Work(step, key, actions[step.id.kind], store, ended)
                running.add(work)
                work.start()
            if running:
                work = _next(running, ended)
                running.remove(work)
                finish(work.step, work.result())
    except BaseException:
        _stop(running)
        raise
    return {step_id: results[step_id] for step_id in steps}


def _settled(
    step: Step, results: Mapping[StepId, Result], store: Store, sink: Sink
) -> Result | None:
    """The result of a step that need not or cannot run."""
    for need in step.needs:
        if not isinstance(results[need].verdict, Passed):
            reason = f"{need} did not pass"
            return Result(step.id, "", Skipped(reason), "", 0.0, time.time())
    key = step_key(step, {need: results[need].digest for need in step.needs})
    return store.fresh(step.id, key, lambda text: sink(Note(text)))


class _Work(threading.Thread):
    """A step that runs; the thread does not hold up the end of the command."""

    def __init__(
        self, step: Step, key: str, action: Action, store: Store, ended: queue.SimpleQueue[_Work]
    ) -> None:
        super().__init__(name=f"step {step.id}", daemon=True)
        self.step = step
        self.runner = Runner(store.work / REGISTRY)
        self.late = False
        limit = _LIMIT_SECONDS + step.limit
        self.deadline = time.monotonic() + limit
        self._too_long = Broken(f"it ran for more than {limit / 3600:.1f} hours")
        self._key = key
        self._action = action
        self._store = store
        self._ended = ended
        self._began = time.time()
        self._result: Result | BaseException | None = None

    def run(self) -> None:
        """Do it, and say that it has ended."""
        try:
            self._result = self._done()
        except BaseException as error:  # it is raised where the result is asked for
            self._result = error
        self._ended.put(self)

    def result(self) -> Result:
        """How it ended; an unexpected error is raised."""
        if isinstance(self._result, BaseException):
            raise self._result
        if self._result is None:
            assert self.late, "only a run that was stopped has no result"
            return self._unrecorded(self._too_long, StepError.exit_code)
        return self._result

    def _done(self) -> Result | None:
        """The result, put in its place; None if the run was stopped meanwhile."""
        store, step = self._store, self.step
        try:
            with system_errors.refusals(store.work):
                scratch = store.scratch(step.id)
                outcome = self._outcome(scratch)
                if self.late:
                    outcome = Outcome(self._too_long)
                elif self.runner.stopped:
                    return None
                if not outcome.exit_code and isinstance(outcome.verdict, (Failed, Broken)):
                    outcome = replace(outcome, exit_code=StepError.exit_code)
                programs.write(self.runner.commands, scratch / programs.FILE)
                return store.commit(step.id, self._key, outcome, scratch, self._began)
        except MachineError as error:  # not even its record can be written
            return self._unrecorded(Broken(str(error)), error.exit_code)

    def _outcome(self, scratch: Path) -> Outcome:
        step = self.step
        needs = {need: self._store.folder(need) for need in step.needs}
        try:
            with self.runner.used(), system_errors.refusals(scratch):
                outcome = self._action(step, scratch, needs)
        except (MachineError, RemoteError) as error:
            outcome = Outcome(Broken(str(error)), exit_code=error.exit_code)
        except BackportError as error:
            stage = "input" if isinstance(error, InputError) else step.id.kind
            outcome = Outcome(Failed(stage, str(error)), exit_code=error.exit_code)
        if isinstance(outcome.verdict, (Failed, Broken)):
            exit_codes = {command.exit_code for command in self.runner.commands}
            refusal = system_errors.behind(outcome.verdict, scratch, exit_codes)
            if refusal is not None:
                outcome = Outcome(Broken(str(refusal)), exit_code=refusal.exit_code)
        return outcome

    def _unrecorded(self, verdict: Broken, exit_code: int) -> Result:
        seconds = time.time() - self._began
        return Result(
            self.step.id, self._key, verdict, "", seconds, self._began, exit_code=exit_code
        )


def _next(running: set[_Work], ended: queue.SimpleQueue[_Work]) -> _Work:
    """The step that ends next; one that runs for too long is ended."""
    while True:
        first = min(running, key=lambda work: work.deadline)
        try:
            work = ended.get(timeout=_SIGNAL_SECONDS)
        except queue.Empty:
            if first.deadline <= time.monotonic():
                first.late, first.deadline = True, math.inf
                _stop([first])
                if first.is_alive():  # what holds it is no program
                    return first
        else:
            if work in running:  # else it was given up
                return work


def _stop(running: Iterable[_Work]) -> None:
    """End the programs of steps: they are asked to, and killed where they do not."""
    for tell in (Runner.stop, Runner.kill):
        for work in running:
            tell(work.runner)
        limit = time.monotonic() + _GRACE_SECONDS
        for work in running:
            work.join(max(0.0, limit - time.monotonic()))
        if not any(work.is_alive() for work in running):
            return
