from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from backport.engine.process import Runner, as_root, run
from backport.environments.apt_setup import INSIDE
from backport.environments.layers import Layer
from backport.errors import InputError, MachineError
from backport.testbed import lxc
from backport.testbed.host import must
from backport.testbed.lxc import Testbed, attach, clean_leftovers, containers
from tests.build.bullseye import Bullseye
from tests.build.packages import make_repository
from tests.support.processes import eventually, running
from tests.support.source_builder import write_files

PLACE = f"{INSIDE}/built"


def inside(clone: str, command: str) -> str:
    return run(attach(clone, ["sh", "-c", command])).output


def test_a_clone_has_systemd_the_repositories_and_no_network(
    base: Bullseye, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "with space", {"tiny": "1.0"})
    (repository / "mark").write_text("here")

    with Testbed(base.testbed_root, {"built": repository}) as testbed:
        with testbed.booted() as clone:
            state = inside(clone, "systemctl is-system-running")
            mark = inside(clone, f"cat {PLACE}/mark")
            written = inside(clone, f"touch {PLACE}/other || echo refused")
            links = inside(clone, "ip -o link").splitlines()
            inside(clone, "touch /written-by-a-clone")
        present = containers() / testbed.name
        with testbed.booted() as clone:
            fresh = inside(clone, "test -e /written-by-a-clone || echo fresh")
        assert present.exists()

    assert state.strip() in ("running", "degraded")
    assert mark == "here"
    assert written.endswith("refused\n")
    assert len(links) == 1
    assert "lo:" in links[0]
    assert "LOOPBACK,UP" in links[0]
    assert fresh == "fresh\n"
    assert not (base.testbed_root / "written-by-a-clone").exists()
    assert not [path for path in containers().iterdir() if path.name.startswith(testbed.name)]


def test_two_testbeds_of_one_root_run_side_by_side(base: Bullseye) -> None:
    with (
        Testbed(base.testbed_root, {}) as one,
        Testbed(base.testbed_root, {}) as two,
        one.booted() as first,
        two.booted() as second,
    ):
        inside(first, "echo one > /mark")

        assert inside(second, "cat /mark 2>&1") != "one\n"
        assert not {one.name, two.name} & set(clean_leftovers())
        assert inside(first, "cat /mark") == "one\n"


def test_a_shell_has_the_repositories_set_up(base: Bullseye, tmp_path: Path) -> None:
    older = make_repository(tmp_path / "built", {"tiny": "1.0"})
    newer = make_repository(tmp_path / "base", {"tiny": "2.0"})
    check = "apt-cache policy tiny | grep -q 'Candidate: 1.0' && apt-get -qq install tiny"

    with Testbed(base.testbed_root, {"built": older, "base": newer}) as testbed:
        assert lxc.shell(testbed, command=["sh", "-c", check]) == 0
        assert lxc.shell(testbed, command=["sh", "-c", "exit 3"]) == 3


def test_a_folder_that_is_no_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no root directory with systemd"):
        Testbed(tmp_path, {}).__enter__()


def test_a_run_that_is_ended_leaves_no_testbed(base: Bullseye) -> None:
    runner = Runner()
    with runner.used(), Testbed(base.testbed_root, {}) as testbed, testbed.booted() as clone:
        assert (containers() / clone).exists()
        runner.stop()
        assert run(["true"]).exit_code != 0

    assert not [path for path in containers().iterdir() if path.name.startswith(testbed.name)]


class Slow(Layer):
    def mount(self, _place: Path) -> list[str]:
        return ["sleep", "98765"]


def test_a_run_that_is_ended_while_it_makes_a_testbed_leaves_none(tmp_path: Path) -> None:
    status = "Package: systemd\nVersion: 247-1\n"
    write_files(
        tmp_path, {"etc/a": "", "usr/a": "", "sbin/init": "", "var/lib/dpkg/status": status}
    )
    runner = Runner()
    testbed = Testbed(tmp_path, {}, layer=Slow(tmp_path, tmp_path / "usr", True))
    mounting = partial(eventually, "it mounts", lambda: running("sleep", "98765"))
    Thread(target=lambda: (mounting(), runner.stop())).start()
    with runner.used(), pytest.raises(MachineError):
        testbed.__enter__()
    assert not [path for path in containers().iterdir() if path.name.startswith(testbed.name)]


def test_a_test_that_writes_to_the_machine_is_seen(base: Bullseye, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "built", {"tiny": "1.0"})
    with (
        pytest.raises(MachineError, match="Packages was changed while a test ran"),
        Testbed(base.testbed_root, {"built": repository}) as testbed,
        testbed.booted() as clone,
    ):
        inside(clone, f"mount -o remount,rw,bind {PLACE} && echo >>{PLACE}/Packages")


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A container of somebody else, with a name like ours."""
    place = containers() / "backport-00c0ffee"
    must(["mkdir", place])
    must(["sh", "-c", f"echo lxc.uts.name = theirs > {place}/config"])
    yield place
    must(["rm", "-r", place])


def test_a_killed_run_leaves_a_testbed_that_is_cleaned_away_and_nobody_elses(
    base: Bullseye, foreign: Path
) -> None:
    program = (
        "import time\nfrom pathlib import Path\nfrom backport.testbed.lxc import Testbed\n"
        f"with Testbed(Path({str(base.testbed_root)!r}), {{}}) as testbed:\n"
        "    with testbed.booted() as clone:\n"
        "        print(clone, flush=True)\n"
        "        time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(lxc.__file__).parents[2])}
    toolkit = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert toolkit.stdout is not None
    clone = toolkit.stdout.readline().strip()
    with Testbed(base.testbed_root, {}) as living:
        assert clone.rpartition("-")[0] not in clean_leftovers()

        toolkit.send_signal(signal.SIGKILL)
        toolkit.wait()
        toolkit.stdout.close()

        name = clone.rpartition("-")[0]
        assert (containers() / name).exists()
        assert {name, clone} <= set(clean_leftovers())
        assert not (containers() / name).exists()
        assert not (containers() / clone).exists()
        assert run(as_root(["lxc-info", "-n", clone])).exit_code != 0
        assert (containers() / living.name).exists()
        assert foreign.exists()
    assert (base.testbed_root / "etc").is_dir()
