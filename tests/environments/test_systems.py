from __future__ import annotations

import threading
from pathlib import Path

import pytest

from backport.engine.process import Runner
from backport.environments import chroot, localrepo, systems
from backport.environments.mirror import Pool
from backport.errors import MachineError, StepError
from tests.build.packages import make_deb


def test_what_a_kill_left_is_dropped(tmp_path: Path) -> None:
    (tmp_path / ".new-half").mkdir()
    with systems.locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_one_waits_for_the_other_and_a_run_that_is_to_end_does_not(tmp_path: Path) -> None:
    runner = Runner()
    ended: list[str] = []

    def wait() -> None:
        with runner.used(), pytest.raises(MachineError) as caught, systems.locked(tmp_path):
            ended.append("had the folder")
        ended.append(str(caught.value))

    with systems.locked(tmp_path):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        runner.stop()
        waiting.join(20)
    assert len(ended) == 1
    assert ended[0].endswith("ended while another run was at work here")


def pool(folder: Path, *names: str) -> Pool:
    folder.mkdir()
    debs = tuple(make_deb(folder, name) for name in names)
    return Pool({"required": debs, "build": debs[:1], "testbed": ()})


def test_a_system_is_made_once_and_is_named_after_its_packages_and_the_code(tmp_path: Path) -> None:
    small = pool(tmp_path / "one", "a")
    key = systems.data_hash(
        [
            localrepo.publish(small.groups["required"], tmp_path / "x/system").name,
            systems.code_hash(chroot, localrepo),
        ]
    )
    tarball, root = tmp_path / f"x/chroot-{key}.tar", tmp_path / f"x/testbed-{key}"
    tarball.write_text("a chroot")
    root.mkdir()
    done: list[str] = []

    made = systems.make(small, tmp_path / "x", beside=lambda one: done.append(one.name))

    assert made == (tarball, root)
    assert tarball.read_text() == "a chroot"
    assert [name.partition("-")[0] for name in done] == ["system"]
    # No system comes of these packages: where it is another one, it is made.
    with pytest.raises(StepError, match="mmdebstrap"):
        systems.make(pool(tmp_path / "two", "b"), tmp_path / "x")

    def fail(_: Path) -> None:
        raise StepError("it does not build", where="a module")

    with pytest.raises(StepError, match="a module: it does not build"):
        systems.make(small, tmp_path / "x", beside=fail)
