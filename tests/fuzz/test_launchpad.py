"""What Launchpad answers, damaged: a value, or one sentence that says what could not be read."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from backport.errors import RemoteError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.bug import model
from tests.fuzz.strategies import damaged_json
from tests.launchpad.conftest import QUICK
from tests.support.launchpad_server import Fault, StandIn, World
from tests.support.launchpad_server.world_bugs import Bugs

EXAMPLES = 15


# What is asked, by the request that gets a damaged answer.
QUESTIONS: dict[str, Callable[[LaunchpadlibClient], object]] = {
    "GET /devel/ubuntu/xenial$": lambda client: client.series_status("xenial"),
    "getPublishedSources": lambda client: client.published_sources("alpha"),
    "getPackageUpl": lambda client: client.queued_sources("alpha", "xenial"),
    "sourceFileUrls": lambda client: client.source_files(
        *client.published_sources("alpha", "xenial")
    ),
    "GET /devel/bugs/1$": lambda client: model.read(client, 1),
}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    world = World()
    world.distribution("ubuntu")
    world.series("ubuntu", "xenial", "16.04", "Supported")
    world.publish("xenial", "alpha", "1.0-1")
    Bugs(world).add(1, "A title", "A text", tasks=["alpha"])
    with StandIn(world) as standin:
        yield standin


@pytest.mark.parametrize("on", QUESTIONS)
def test_no_answer_ends_in_a_traceback(
    on: str, standin: StandIn, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ask = QUESTIONS[on]
    end = time.monotonic() + request.config.getoption("--fuzz")
    with closing(LaunchpadlibClient(tmp_path, root=standin.root, limits=QUICK)) as client:
        ask(client)
        asked = next(line for line in reversed(standin.requests) if re.search(on, line))
        with urllib.request.urlopen(standin.root.rstrip("/") + asked.partition(" ")[2]) as answer:
            sample = json.load(answer)

        def ends_well(body: bytes) -> None:
            standin.faults.add(Fault("json", on=on, times=-1, body=body.decode("latin-1")))
            try:
                ask(client)
            except RemoteError as error:
                assert error.what
                assert error.where == standin.root
            finally:
                standin.faults.clear()

        for seed in (b"[" * 50_000, b"null", b"[]"):
            ends_well(seed)
        links = ("http:x", "/", "", "http://127.0.0.1:9/devel/#bug")
        for link in links if isinstance(sample, dict) else ():
            ends_well(json.dumps({**sample, "resource_type_link": link}).encode())
        some = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))(
            given(body=damaged_json(sample))(ends_well)
        )
        some()
        while time.monotonic() < end:
            some()
