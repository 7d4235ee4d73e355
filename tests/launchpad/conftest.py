"""A stand-in Launchpad with a small world, a client that waits briefly, and signed packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.credentials import VARIABLE
from backport.transport import Limits
from tests.launchpad.scene import scene
from tests.support.launchpad_server import StandIn, World
from tests.support.recipes import UBUNTU
from tests.support.upload_server import fixtures
from tests.support.upload_server.case import write_credentials
from tests.support.upload_server.fixtures import case, gnupg_home, new_key, upload_template

__all__ = ["case", "scene", "upload_template"]

QUICK = Limits(connect=2.0, silence=2.0, attempts=4, first_wait=0.01, longest_wait=0.5, total=10.0)


@pytest.fixture
def world() -> World:
    """Ubuntu with four series and Debian with one; one source, published in several pockets."""
    world = fixtures.world({**UBUNTU, "bionic": "18.04"})
    world.publish("xenial", "hello-sru", "1.0-1", status="Superseded")
    world.publish("xenial", "hello-sru", "1.0-1ubuntu0.1", pocket="Updates")
    world.publish("yakkety", "hello-sru", "1.1-1", status="Obsolete")
    world.publish("zesty", "hello-sru", "1.2-1", status="Obsolete")
    world.publish("zesty", "hello-sru-data", "9-1", status="Obsolete")
    return world


@pytest.fixture
def standin(world: World) -> Iterator[StandIn]:
    with StandIn(world) as standin:
        yield standin
        assert standin.faults.left() == [], "a fault was planned that no request has met"


MakeClient = Callable[..., LaunchpadlibClient]


@pytest.fixture
def make_client(standin: StandIn, tmp_path: Path) -> Iterator[MakeClient]:
    with ExitStack() as stack:

        def make(
            root: str = "", limits: Limits = QUICK, *, login: bool = False
        ) -> LaunchpadlibClient:
            cache, root = tmp_path / "launchpadlib", root or standin.root
            made = LaunchpadlibClient(cache, root=root, limits=limits, login=login)
            return stack.enter_context(closing(made))

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> LaunchpadlibClient:
    return make_client()


@pytest.fixture
def writer(
    make_client: MakeClient, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LaunchpadlibClient:
    """A client that is logged in."""
    monkeypatch.setenv(VARIABLE, str(write_credentials(tmp_path / "login", standin.root)))
    return make_client(login=True)


@pytest.fixture(scope="session")
def keys() -> Iterator[Path]:
    """A GNUPGHOME with keys of good@example.org, expired@ and stranger@."""
    with gnupg_home() as home:
        new_key(home, "good")
        new_key(home, "expired", "30d", "--faked-system-time", "20170101T000000!")
        new_key(home, "stranger")
        yield home
