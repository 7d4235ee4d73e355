"""A stand-in Launchpad with a small world, a client that waits briefly, and signed packages."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.api.credentials import VARIABLE
from backport.transport import Limits
from tests.launchpad.scene import scene
from tests.support.launchpad_server import StandIn, World
from tests.support.source_builder import PackageSpec, build_dsc
from tests.support.upload_server.case import write_credentials
from tests.support.upload_server.fixtures import case, upload_template

__all__ = ["case", "scene", "upload_template"]

QUICK = Limits(connect=2.0, silence=2.0, attempts=4, first_wait=0.01, longest_wait=0.5, total=10.0)


@pytest.fixture
def world() -> World:
    """Ubuntu with four series and Debian with one; one source, published in several pockets."""
    world = World()
    world.distribution("ubuntu")
    world.series("ubuntu", "xenial", "16.04", "Supported")
    world.series("ubuntu", "yakkety", "16.10", "Obsolete")
    world.series("ubuntu", "zesty", "17.04", "Obsolete")
    world.series("ubuntu", "bionic", "18.04", "Supported")
    world.distribution("debian")
    world.series("debian", "sid", "", "Experimental")
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
    made: list[LaunchpadlibClient] = []

    def make(root: str = "", limits: Limits = QUICK) -> LaunchpadlibClient:
        made.append(
            LaunchpadlibClient(tmp_path / "launchpadlib", root=root or standin.root, limits=limits)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def client(make_client: MakeClient) -> LaunchpadlibClient:
    return make_client()


@pytest.fixture
def writer(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaunchpadlibClient]:
    """A client that is logged in."""
    monkeypatch.setenv(VARIABLE, str(write_credentials(tmp_path / "login", standin.root)))
    client = LaunchpadlibClient(
        tmp_path / "launchpadlib", root=standin.root, limits=QUICK, login=True
    )
    yield client
    client.close()


@dataclass(frozen=True)
class Keys:
    """Throw-away keys in a home of their own; `keyring` holds the first two for gpgv."""

    home: Path
    keyring: Path

    def sign(self, text: bytes, who: str) -> bytes:
        when = ["--faked-system-time", "20170115T000000!"] if who == "expired" else []
        return self.gpg(*when, "--local-user", f"{who}@example.org", "--clearsign", given=text)

    def gpg(self, *args: str, given: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-tty"]
        command += ["--pinentry-mode", "loopback", "--passphrase", "", *args]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@pytest.fixture(scope="session")
def keys() -> Iterator[Keys]:
    # The agent's socket lies in here, and a socket's path may have 107 characters (unix(7)).
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    home.chmod(0o700)
    made = Keys(home, home / "keyring.gpg")
    try:
        for who, start, life in (
            ("good", (), "0"),
            ("expired", ("--faked-system-time", "20170101T000000!"), "30d"),
            ("stranger", (), "0"),
        ):
            name = f"{who} <{who}@example.org>"
            made.gpg(*start, "--quick-generate-key", name, "ed25519", "sign", life)
        known = made.gpg("--export", "good@example.org", "expired@example.org")
        made.keyring.write_bytes(known)
        yield made
    finally:
        subprocess.run(
            ["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"],
            check=False,
            capture_output=True,
        )
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def signed(keys: Keys, tmp_path: Path) -> Callable[[str, str, str], dict[str, bytes]]:
    """Makes a source package whose .dsc is signed by good, expired or stranger."""

    def make(source: str, version: str, who: str) -> dict[str, bytes]:
        folder = tmp_path / "archive" / source
        dsc = build_dsc(PackageSpec(source, version), folder)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        files[dsc.name] = keys.sign(files[dsc.name], who)
        return files

    return make
