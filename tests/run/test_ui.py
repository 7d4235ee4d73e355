from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Sequence
from typing import get_args

import pytest
from rich.console import Console

from backport.engine.events import Event, Finished, Note, Planned, Started
from backport.engine.step import Step, StepId
from backport.engine.store import Result
from backport.engine.verdict import Broken, Failed, Passed, Skipped, Verdict
from backport.run import ui
from tests.support.steps import step_id

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


def test_the_tests_here_know_every_event_and_every_verdict() -> None:
    events = [event for event, _, _ in TOLD]
    assert {type(event) for event in events} == set(get_args(Event))
    ends = {type(event.result.verdict) for event in events if isinstance(event, Finished)}
    assert ends == set(get_args(Verdict))


@pytest.mark.parametrize(("event", "line", "data"), TOLD)
def test_each_event_is_one_line_for_a_person_and_one_json_object(
    event: Event, line: str, data: dict[str, object]
) -> None:
    pattern = re.escape(line).replace("CLOCK", r"\d\d:\d\d:\d\d")
    assert re.fullmatch(pattern, ui.event_line(event))
    assert ui.event_json(event) == data


def test_a_step_that_is_up_to_date_needs_no_line_but_is_in_the_json() -> None:
    event = finished(Passed("586 tests"), reused=True)
    assert ui.event_line(event) == ""
    assert ui.event_json(event)["reused"] is True


def test_a_plan_without_a_base_is_told_without_one() -> None:
    assert ui.event_line(Planned((BUILD,), "")) == "1 steps"


def shown(how: str, events: Sequence[Event]) -> str:
    stream = io.StringIO()
    with ui.shown(how, stream) as sink:
        for event in events:
            sink(event)
    return stream.getvalue()


ALL = [event for event, _, _ in TOLD]


def test_json_is_one_object_a_line() -> None:
    lines = shown("json", ALL).splitlines()
    assert [json.loads(line) for line in lines] == [data for _, _, data in TOLD]


def test_lines_tell_all_but_what_was_up_to_date() -> None:
    lines = shown("lines", [*ALL, finished(Passed("again"), reused=True)]).splitlines()
    assert len(lines) == len(ALL)
    assert lines[-1] == "note: nobody answers"


def test_quiet_tells_notes_and_what_did_not_pass_only() -> None:
    lines = shown("quiet", ALL).splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        "build/xenial/alpha: failed (12 s): build: make ended with 2",
        "test/xenial/alpha.smoke: skipped (0 s): build/xenial/beta did not pass",
        "test/xenial/alpha.smoke: broken (12 s): the testbed did not start",
        "nobody answers",
    ]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def rows(text: str) -> list[list[str]]:
    """The cells of each line of a drawn table."""
    lines = (line for line in text.splitlines() if line.startswith("│"))
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


NAMES = (
    "fetch/alpha fetch/beta source/xenial/alpha source/zesty/alpha dependencies base/xenial "
    "base/zesty build/xenial/alpha build/zesty/alpha build/xenial/alpha+plain "
    "test/xenial/alpha.smoke test/xenial/alpha.race test/xenial/alpha.race-control+plain"
)
STEPS = tuple(Step(step_id(name)) for name in NAMES.split())


def test_the_table_has_a_cell_for_every_step_and_each_verdict_in_it() -> None:
    ends: dict[str, Verdict] = {
        "fetch/alpha": Failed("input", "another hash"),
        "fetch/beta": Passed(),
        "source/xenial/alpha": Passed(),
        "dependencies": Skipped("no"),
        "base/xenial": Broken("no mirror"),
        "build/xenial/alpha": Passed(),
        "build/xenial/alpha+plain": Failed("build", "no"),
        "test/xenial/alpha.smoke": Passed(),
        "test/xenial/alpha.race": Skipped("no"),
        "test/xenial/alpha.race-control+plain": Broken("the harm was not seen"),
    }
    by_name = {str(step.id): step for step in STEPS}
    assert set(ends) < set(by_name)
    text = shown(
        "table",
        [
            Planned(STEPS, "stand-in"),
            *(finished(verdict, by_name[name]) for name, verdict in ends.items()),
        ],
    )
    assert "base: stand-in" in text
    assert rows(text) == [
        ["", "dependencies", "skipped", "", ""],
        ["", "fetch alpha", "failed", "", ""],
        ["", "fetch beta", "passed", "", ""],
        ["xenial", "alpha", "passed", "passed", "smoke passed"],
        ["", "", "", "plain failed", "race skipped"],
        ["", "", "", "", "race-control broken"],
        ["xenial", "base", "broken", "", ""],
        ["zesty", "alpha", "·", "·", ""],
        ["zesty", "base", "·", "", ""],
    ]


def test_a_running_step_shows_how_long_it_has_run_until_it_ends() -> None:
    begun = Started(BUILD, time.time() - 3600)
    ((_, _, _, cell, _),) = rows(shown("table", [Planned((BUILD,), ""), begun]))
    assert re.fullmatch(r"36\d\d s", cell)
    ended: list[Event] = [Planned((BUILD,), ""), begun, finished(Passed())]
    ((_, _, _, cell, _),) = rows(shown("table", ended))
    assert cell == "passed"


def test_the_last_notes_stand_below_the_table() -> None:
    notes = [Note(f"note number {number}") for number in range(7)]
    text = shown("table", [Planned((BUILD,), ""), *notes])
    assert "note number 1" not in text
    assert all(f"note number {number}" in text for number in range(2, 7))


def test_brackets_in_a_note_are_shown_as_they_are() -> None:
    text = shown("table", [Planned((BUILD,), "a [bold]base[/]"), Note("ended: test [/] [a, b]")])
    assert "ended: test [/] [a, b]" in text
    assert "base: a [bold]base[/]" in text


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [
        (Passed(), "\x1b[32m"),
        (Failed("build", "no"), "\x1b[1;31m"),
        (Skipped("no"), "\x1b[33m"),
        (Broken("no"), "\x1b[1;35m"),
    ],
)
def test_each_verdict_has_a_colour_of_its_own_on_a_terminal(verdict: Verdict, colour: str) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=120)
    table = ui.LiveTable(console)
    table.show(Planned((BUILD,), ""))
    table.show(finished(verdict))
    with table.live:
        pass
    kind = type(verdict).__name__.lower()
    assert f"{colour}{kind}" in stream.getvalue()
