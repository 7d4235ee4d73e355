from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from backport.engine.events import Event, Finished, Note, Planned, Started
from backport.engine.step import Step, StepId
from backport.engine.store import Result
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.run import ui
from backport.run.live import Live

BUILD = Step(StepId("build", "xenial", "alpha"))
TEST = Step(StepId("test", "xenial", "alpha", test="smoke"))


def finished(
    verdict: Verdict, step: Step = BUILD, *, reused: bool = False, seconds: float = 12.34
) -> Finished:
    return Finished(step, Result(step.id, "key", verdict, "d", seconds, 0.0, reused=reused))


def ended(step: Step, verdict: str, seconds: float = 12.3, **more: str) -> dict[str, object]:
    told = {"event": "finished", "step": str(step.id), "verdict": verdict, **more}
    return {**told, "seconds": seconds, "reused": False}


# One event of each kind and, of the end of a step, of each verdict; with its line and its JSON.
TOLD: list[tuple[Event, str, dict[str, object]]] = [
    (
        Planned((BUILD, TEST), "stand-in"),
        "2 steps on the base stand-in",
        {"event": "planned", "steps": [str(BUILD.id), str(TEST.id)], "base": "stand-in"},
    ),
    (
        Started(BUILD, 1000.12345),
        "CLOCK build/xenial/alpha …",
        {"event": "started", "step": "build/xenial/alpha", "at": 1000.123},
    ),
    (
        finished(Passed("586 tests")),
        "CLOCK build/xenial/alpha: passed (12 s): 586 tests",
        ended(BUILD, "passed", detail="586 tests"),
    ),
    (
        finished(Failed("build", "make ended with 2", "build.log")),
        "CLOCK build/xenial/alpha: failed (12 s): build: make ended with 2",
        ended(BUILD, "failed", stage="build", detail="make ended with 2", log="build.log"),
    ),
    (
        finished(Skipped("build/xenial/beta did not pass"), TEST, seconds=0),
        "CLOCK test/xenial/alpha.smoke: skipped (0 s): build/xenial/beta did not pass",
        ended(TEST, "skipped", 0, reason="build/xenial/beta did not pass"),
    ),
    (
        finished(Broken("the testbed did not start", "console"), TEST),
        "CLOCK test/xenial/alpha.smoke: broken (12 s): the testbed did not start",
        ended(TEST, "broken", detail="the testbed did not start", log="console"),
    ),
    (Note("nobody answers"), "note: nobody answers", {"event": "note", "text": "nobody answers"}),
]


@pytest.mark.parametrize(("event", "line", "data"), TOLD)
def test_each_event_is_one_line_for_a_person_and_one_json_object(
    event: Event, line: str, data: dict[str, object]
) -> None:
    pattern = re.escape(line).replace("CLOCK", r"\d\d:\d\d:\d\d")
    assert re.fullmatch(pattern, ui.event_line(event))
    assert ui.event_json(event) == data


def shown(how: str, events: Sequence[Event]) -> str:
    stream = io.StringIO()
    with ui.shown(how, stream) as sink:
        for event in events:
            sink(event)
    return stream.getvalue()


ALL = [event for event, _, _ in TOLD]
NOT_PASSED = [
    event
    for event in ALL
    if isinstance(event, Note)
    or (isinstance(event, Finished) and not isinstance(event.result.verdict, Passed))
]


@pytest.mark.parametrize(("how", "told"), [("lines", ALL), ("quiet", NOT_PASSED)])
def test_lines_tell_all_and_quiet_lines_what_did_not_pass(how: str, told: list[Event]) -> None:
    lines = shown(how, [*ALL, finished(Passed("again"), reused=True)]).splitlines()
    assert [line[9:] for line in lines] == [ui.event_line(event)[9:] for event in told]


def test_json_is_one_object_a_line() -> None:
    lines = shown("json", ALL).splitlines()
    assert [json.loads(line) for line in lines] == [data for _, _, data in TOLD]


def test_a_terminal_has_what_has_ended_and_below_it_what_runs() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="standard", width=120)
    with Live(console, ui.event_line) as live:
        for event in (Planned((BUILD, TEST), ""), Started(BUILD, 0.0), finished(Passed("done"))):
            live.show(event)
        live.show(Started(TEST, 0.0))
        live.show(Note("a note [/] [a, b]"))
        rows = [task.description for task in live.tasks]
    assert rows == ["1 of 2 steps", "test/xenial/alpha.smoke"]
    assert "build/xenial/alpha: passed (12 s): done" in out.getvalue()
    assert "a note [/] [a, b]" in out.getvalue()


LAST = {BUILD.id: 600.0, TEST.id: 240.0}


@pytest.mark.parametrize(
    ("seconds", "jobs", "events", "now", "left"),
    [
        ({}, 2, [Started(BUILD, 0.0)], 90.0, ""),
        (LAST, 2, [], 0.0, ", about 7 min left"),
        (LAST, 1, [Started(BUILD, 0.0)], 90.0, ", about 13 min left"),
        (LAST, 2, [Started(BUILD, 0.0)], 90.0, ", about 9 min left"),  # not before the build
        (LAST, 1, [Started(BUILD, 0.0)], 900.0, ", about 4 min left"),  # it takes longer this time
        (LAST, 1, [finished(Passed(), reused=True)], 0.0, ", about 4 min left"),
        (LAST, 2, [Started(BUILD, 0.0), Started(TEST, 0.0)], 900.0, ""),
        (LAST, 2, [finished(Passed()), Started(TEST, 0.0), finished(Passed(), TEST)], 0.0, ""),
    ],
)
def test_what_is_left_comes_from_the_last_lengths_and_what_the_running_steps_have_had(
    seconds: dict[StepId, float], jobs: int, events: list[Event], now: float, left: str
) -> None:
    live = Live(Console(file=io.StringIO()), ui.event_line)
    for event in (Planned((BUILD, TEST), "", seconds, jobs), *events):
        live.show(event)
    ended = sum(isinstance(event, Finished) for event in events)
    assert live.whole(now) == f"{ended} of 2 steps{left}"


def test_what_others_wrote_commands_no_terminal() -> None:
    attack = "\x1b]0;owned\x07"
    text = shown("table", [Planned((BUILD,), attack), Note(attack), finished(Passed(attack))])
    assert text.count("\\x1b]0;owned") == 3
    assert attack not in text
