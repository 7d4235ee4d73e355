"""Faults of Launchpad at `bug`, `wait` and `sponsor`, from the command line.

Each ends in one sentence and the right exit code, and the next call goes on: nothing is done
twice, nothing is left out. The faults of `upload` are in test_upload_faults.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.launchpad.scene import BUG, NUMBER, SPONSOR, WAIT, Scene
from tests.support.launchpad_server import Fault


@pytest.fixture(autouse=True)
def built(scene: Scene) -> None:
    scene.farm.build(scene.upload)
    scene.farm.now = 1000.0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("status", status=401, body="No."), "does not exist, or is private|refuses it"),
        (Fault("status", status=429, headers={"Retry-After": "900"}), "asks to wait 900 s"),
        (Fault("status", status=503), "answered 503"),
        (Fault("html"), "a web page instead of data"),
        (Fault("short"), "JSON that ends early"),
        (Fault("truncated"), "broke off the connection"),
    ],
    ids=["401", "429", "503", "html", "short", "truncated"],
)
@pytest.mark.parametrize(
    ("words", "on"),
    [(BUG, "GET /devel/bugs/77"), (SPONSOR, "GET /devel/bugs/77"), (WAIT, "getPublishedSources")],
    ids=["bug", "sponsor", "wait"],
)
def test_what_cannot_be_read_is_left_as_it_is_and_done_by_the_next_call(
    scene: Scene, words: tuple[str, ...], on: str, fault: Fault, message: str
) -> None:
    scene.standin.faults.add(replace(fault, on=on, times=-1))

    sentence = scene.fails(*words)

    assert any(text in sentence for text in message.split("|"))
    assert scene.done() == (0, 0, 0, False)
    scene.assert_goes_on(*words)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, headers={"Retry-After": "900"}),
        Fault("status", status=504),
        Fault("html"),
        Fault("reset"),
        Fault("close"),
    ],
    ids=["429", "504", "html", "reset", "close"],
)
@pytest.mark.parametrize("words", [BUG, SPONSOR], ids=["bug", "sponsor"])
def test_a_change_is_sent_once_and_what_was_made_though_it_went_wrong_is_not_made_twice(
    scene: Scene, words: tuple[str, ...], fault: Fault, after: bool
) -> None:
    """What was carried out before the error is found by a look, and the command goes on."""
    planned = replace(fault, on=f"POST /devel/bugs/{NUMBER}$", times=-1, after=after)
    scene.standin.faults.add(planned)

    if after:
        assert scene.run(*words)[0] == 0
    else:
        scene.fails(*words)
        assert [request[:4] for request in scene.standin.requests].count("POST") == 1
        assert scene.done() == (0, 0, 0, False)
    scene.assert_goes_on(*words)


@pytest.mark.parametrize(
    ("on", "status", "clock", "message"),
    [
        ("PATCH /devel/bugs/77$", 412, 0.0, "has a newer version of it (412)"),
        ("POST /devel/bugs/77$", 401, 7200.0, "clock is 120 minutes behind Launchpad's: set it"),
        ("POST /devel/bugs/77$", 403, 0.0, "ask somebody who may do it"),
    ],
    ids=["an edit in the last moment", "a wrong clock", "no right"],
)
def test_a_refused_change_says_why_and_the_next_call_goes_on(
    scene: Scene, on: str, status: int, clock: float, message: str
) -> None:
    scene.standin.clock_offset = clock
    scene.standin.faults.add(Fault("status", on=on, status=status, times=-1))

    assert message in scene.fails(*BUG)

    scene.assert_goes_on(*BUG)


@pytest.mark.parametrize("words", [("bug",), BUG, WAIT, SPONSOR], ids=" ".join)
def test_a_launchpad_that_refuses_connections_is_one_sentence_for_each_command(
    scene: Scene, words: tuple[str, ...]
) -> None:
    scene.standin.stop()

    assert "the connection is refused" in scene.fails(*words)
