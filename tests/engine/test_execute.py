from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport.engine import execute, process
from backport.engine.events import Event, Finished, Planned, Started
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome, Result, Store
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.errors import BackportError, InputError, MachineError, RemoteError, StepError

Body = Callable[[Step, Path, Mapping[StepId, Path]], Outcome]


def step(source: str, *needs: str, read: str = "") -> Step:
    """A step ``build/SOURCE`` that needs others of that kind and reads one input."""
    return Step(build(source), tuple(map(build, needs)), (("read", read),) if read else ())


def build(source: str) -> StepId:
    return StepId("build", source=source)


def graph(*steps: Step) -> dict[StepId, Step]:
    return {one.id: one for one in steps}


def write_all(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
    """Write what the step read, and all that the steps which it needs have written."""
    text = "".join((folder / "out").read_text() for _, folder in sorted(needs.items(), key=str))
    (out / "out").write_text(f"{text}{step.id.source} {dict(step.inputs).get('read', '')}\n")
    return Outcome(Passed(f"made {step.id.source}"), ("out",))


class Run:
    """Runs of graphs in one work folder, with the events of the last one."""

    def __init__(self, work: Path) -> None:
        self.store = Store(work)
        self.events: list[Event] = []

    def __call__(
        self, steps: dict[StepId, Step], body: Body = write_all, jobs: int = 2
    ) -> dict[StepId, Result]:
        self.events = []
        return execute.run(
            steps, {"build": body}, self.store, jobs=jobs, sink=self.events.append, base="none"
        )

    def started(self) -> list[str]:
        return [event.step.id.source for event in self.events if isinstance(event, Started)]

    def finished(self) -> list[str]:
        return [event.step.id.source for event in self.events if isinstance(event, Finished)]

    def output(self, source: str) -> str:
        return (self.store.folder(build(source)) / "out").read_text()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "work")


def verdicts(results: Mapping[StepId, Result]) -> dict[str, Verdict]:
    return {step_id.source: result.verdict for step_id, result in results.items()}


CHAIN = graph(step("a", read="1"), step("b", "a"), step("c", "b"))


def test_a_step_gets_what_its_needs_have_made_and_the_events_tell_it_in_order(run: Run) -> None:
    results = run(CHAIN)
    assert run.output("c") == "a 1\nb \nc \n"
    assert list(results) == list(CHAIN)
    assert verdicts(results) == {name: Passed(f"made {name}") for name in "abc"}
    assert not any(result.reused or result.exit_code for result in results.values())
    planned, *rest = run.events
    assert planned == Planned(tuple(CHAIN.values()), "none", {}, 2)
    told = [(type(one), one.step.id.source) for one in rest if isinstance(one, (Started, Finished))]
    assert told == [(kind, name) for name in "abc" for kind in (Started, Finished)]
    ends = [one.result for one in rest if isinstance(one, Finished)]
    assert ends == list(results.values())
    run(CHAIN)
    seconds = {result.id: result.seconds for result in ends}
    assert run.events[0] == Planned(tuple(CHAIN.values()), "none", seconds, 2)


@settings(max_examples=25)
@given(data=st.data(), jobs=st.integers(1, 4))
def test_in_any_graph_each_step_passes_exactly_when_all_below_it_do(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, jobs: int
) -> None:
    names = "abcdefg"[: data.draw(st.integers(1, 7))]
    needs = {
        name: data.draw(st.sets(st.sampled_from(names[:index]))) if index else set()
        for index, name in enumerate(names)
    }
    bad = data.draw(st.sets(st.sampled_from(names)))

    def body(step: Step, out: Path, folders: Mapping[StepId, Path]) -> Outcome:
        if step.id.source in bad:
            raise StepError("it is bad")
        return write_all(step, out, folders)

    run = Run(tmp_path_factory.mktemp("work"))
    shuffled = data.draw(st.permutations(names))
    results = run(graph(*(step(name, *sorted(needs[name])) for name in shuffled)), body, jobs)
    good: set[str] = set()
    for name in names:
        below = needs[name] <= good
        expected = (Failed if name in bad else Passed) if below else Skipped
        assert type(results[build(name)].verdict) is expected
        good |= {name} if expected is Passed else set()
    assert sorted(run.finished()) == sorted(names)
    for name in names:
        for need in needs[name]:
            assert run.finished().index(need) < run.finished().index(name)


def test_as_many_steps_run_at_once_as_are_allowed(run: Run) -> None:
    both = threading.Barrier(2, timeout=30)
    lock = threading.Lock()
    running: list[str] = []

    def body(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        with lock:
            running.append(step.id.source)
            assert len(running) <= 2
        if step.id.source in ("left", "right"):
            both.wait()  # breaks, and so fails the run, unless the other one is here too
        outcome = write_all(step, out, needs)
        with lock:
            running.remove(step.id.source)
        return outcome

    many = graph(*(step(f"s{number}", "left", "right") for number in range(20)))
    steps = graph(step("root"), step("left", "root"), step("right", "root")) | many
    assert set(map(type, verdicts(run(steps, body, jobs=2)).values())) == {Passed}
    run(graph(*(step(f"t{number}") for number in range(5))), jobs=1)
    assert run.started() == run.finished()


def failing(bad: str, error: Exception) -> Body:
    def body(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        if step.id.source == bad:
            (out / "log").write_text("the last line\n")
            raise error
        return write_all(step, out, needs)

    return body


def test_a_failure_skips_what_needs_it_with_the_reason_and_the_rest_goes_on(run: Run) -> None:
    steps = graph(step("a"), step("b", "a"), step("c", "b"), step("x"), step("y", "x"))
    results = run(steps, failing("a", StepError("it broke")))
    assert verdicts(results) == {
        "a": Failed("build", "it broke"),
        "b": Skipped("build/a did not pass"),
        "c": Skipped("build/b did not pass"),
        "x": Passed("made x"),
        "y": Passed("made y"),
    }
    assert sorted(run.started()) == ["a", "x", "y"]
    assert not run.store.folder(build("b")).exists()
    assert (run.store.folder(build("a")) / "log").read_text() == "the last line\n"


WORDS = {"where": "w", "advice": "do y"}


@pytest.mark.parametrize(
    ("ended", "verdict", "exit_code"),
    [
        (BackportError("x", **WORDS), Failed("build", "w: x; do y"), 1),
        (InputError("x", **WORDS), Failed("input", "w: x; do y"), 3),
        (StepError("x", **WORDS), Failed("build", "w: x; do y"), 4),
        (MachineError("x", **WORDS), Broken("w: x; do y"), 5),
        (RemoteError("x", **WORDS), Broken("w: x; do y"), 6),
        (Outcome(Passed()), Passed(), 0),
        (Outcome(Failed("build", "no")), Failed("build", "no"), 4),
        (Outcome(Broken("no")), Broken("no"), 4),
        (Outcome(Broken("no"), exit_code=5), Broken("no"), 5),
        (Outcome(Skipped("no")), Skipped("no"), 0),
    ],
)
def test_each_end_of_a_step_has_its_verdict_and_exit_code(
    run: Run, ended: BackportError | Outcome, verdict: Verdict, exit_code: int
) -> None:
    def body(*_: object) -> Outcome:
        if isinstance(ended, BackportError):
            raise ended
        return ended

    result = run(graph(step("a")), body)[build("a")]
    assert (result.verdict, result.exit_code) == (verdict, exit_code)
    last = run.store.last(build("a"))
    assert last is not None
    assert (last.verdict, last.exit_code) == (verdict, exit_code)


def test_a_signal_that_comes_in_another_thread_ends_the_run_at_once(run: Run) -> None:
    exits = []

    def body(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        # The thread that waits for the steps is not woken by it.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        exits.append(process.run(["sleep", "60"]).exit_code)
        return write_all(step, out, needs)

    with pytest.raises(KeyboardInterrupt):
        run(graph(step("a")), body)
    assert exits == [-signal.SIGTERM]


@pytest.mark.parametrize(
    ("first", "number"), [("", signal.SIGTERM), ("trap '' TERM;", signal.SIGKILL)]
)
def test_a_run_that_ends_early_ends_its_programs_and_commits_nothing_of_their_steps(
    run: Run, monkeypatch: pytest.MonkeyPatch, first: str, number: signal.Signals
) -> None:
    monkeypatch.setattr(execute, "_GRACE_SECONDS", 0.5 if first else 20.0)
    run.store.work.mkdir()
    fifo = run.store.work / "ready"
    os.mkfifo(fifo)
    exits = []

    def body(step: Step, _out: Path, _needs: Mapping[StepId, Path]) -> Outcome:
        if step.id.source == "bad":
            assert fifo.read_text() == "ready\n"  # until the other's program runs
            raise ZeroDivisionError("ours")
        script = f"{first} echo ready >{fifo}; exec sleep 60"
        exits.append(process.run(["sh", "-c", script]).exit_code)
        return Outcome(Failed("build", f"exit code {exits[0]}"))

    with pytest.raises(ZeroDivisionError, match="ours"):
        run(graph(step("good"), step("bad")), body)
    assert exits == [-number]
    assert run.store.last(build("good")) is None
    assert run.store.last(build("bad")) is None
    left = sorted(path.name for path in (run.store.work / "scratch").iterdir())
    assert left == ["build_bad", "build_good"]


def test_a_second_run_starts_only_what_a_changed_input_reaches(run: Run) -> None:
    first = run(CHAIN | graph(step("other")))
    second = run(CHAIN | graph(step("other")))
    assert run.started() == []
    assert all(result.reused for result in second.values())
    assert [one.digest for one in first.values()] == [one.digest for one in second.values()]
    results = run(CHAIN | graph(step("a", read="2"), step("other")))
    assert run.started() == ["a", "b", "c"]
    assert results[build("other")].reused
    assert run.output("c") == "a 2\nb \nc \n"


def test_outputs_that_come_out_the_same_end_the_work_early(run: Run) -> None:
    def body(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        return write_all(replace(step, inputs=()), out, needs)  # the input is read in vain

    run(CHAIN, body)
    results = run(CHAIN | graph(step("a", read="2")), body)
    assert run.started() == ["a"]
    assert [result.reused for result in results.values()] == [False, True, True]


@pytest.mark.parametrize("error", [StepError("it broke"), ZeroDivisionError()])
def test_what_did_not_pass_is_tried_again_and_what_passed_is_not(
    run: Run, error: Exception
) -> None:
    with suppress(ZeroDivisionError):
        run(CHAIN, failing("b", error))
    assert run.started() == ["a", "b"]
    results = run(CHAIN)
    assert run.started() == ["b", "c"]
    assert set(map(type, verdicts(results).values())) == {Passed}


@pytest.mark.parametrize("held_by_a_program", [True, False])
def test_a_step_that_runs_too_long_is_ended_or_given_up_and_the_others_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, held_by_a_program: bool
) -> None:
    monkeypatch.setattr(execute, "_GRACE_SECONDS", 2.0 if held_by_a_program else 0.1)
    monkeypatch.setattr(execute, "_LIMIT_SECONDS", 0.3)
    never = threading.Event()

    def body(step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        if step.id.source == "slow":
            process.run(["sleep", "600"]) if held_by_a_program else never.wait(60)
        return write_all(step, out, needs)

    results = run(graph(step("slow"), step("after", "slow"), step("other")), body)
    kept = run.store.last(build("slow"))
    never.set()  # what was given up goes on, and ends
    assert [type(verdict) for verdict in verdicts(results).values()] == [Broken, Skipped, Passed]
    assert "longer than any of its programs may" in str(results[build("slow")].verdict)
    assert results[build("slow")].exit_code == 4
    assert (kept is not None) == held_by_a_program
