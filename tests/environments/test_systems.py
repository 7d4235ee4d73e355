from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backport.engine.process import Runner
from backport.environments import localrepo, systems
from backport.environments.mirror import Pool
from backport.errors import MachineError, StepError
from tests.environments.packages import EPOCH, make_deb

HOLD = """\
import sys
from pathlib import Path
from backport.environments import systems
with systems.alone(Path(sys.argv[1])):
    (Path(sys.argv[1]) / ".new-half").mkdir()
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_a_kill_left_is_dropped_and_the_folder_is_free_again(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-B", "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        child.kill()
    assert (tmp_path / ".new-half").is_dir()
    with systems.alone(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_one_after_the_other_uses_the_folder(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def use(number: int) -> None:
        with systems.alone(tmp_path):
            inside.append(number)
            most.append(len(inside))
            (tmp_path / ".new-mine").mkdir()
            (tmp_path / ".new-mine").rmdir()
            inside.remove(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def pool(folder: Path, *names: str) -> Pool:
    debs = tuple(make_deb(folder, name) for name in names)
    return Pool({"required": debs, "build": debs[:1], "testbed": ()}, frozenset())


def test_a_system_is_named_after_the_packages_it_is_made_from(tmp_path: Path) -> None:
    first = systems.Systems(pool(tmp_path, "a"), tmp_path / "x", origin="here", epoch=EPOCH)
    (tmp_path / "again").mkdir()
    again = systems.Systems(
        pool(tmp_path / "again", "a"), tmp_path / "y", origin="here", epoch=EPOCH
    )
    other = systems.Systems(pool(tmp_path, "b", "c"), tmp_path / "z", origin="here", epoch=EPOCH)
    names = [(one.chroot.name, one.testbed_root.name) for one in (first, again, other)]
    assert names[0] == names[1]
    assert names[0] != names[2]


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    made = systems.Systems(pool(tmp_path, "a"), tmp_path / "x", origin="here", epoch=EPOCH)
    made.chroot.write_text("a chroot")
    made.testbed_root.mkdir()
    done: list[str] = []
    made.make(lambda: done.append("the other thing"))
    assert made.chroot.read_text() == "a chroot"
    assert done == ["the other thing"]


def test_what_fails_beside_the_systems_fails_them(tmp_path: Path) -> None:
    made = systems.Systems(pool(tmp_path, "a"), tmp_path / "x", origin="here", epoch=EPOCH)
    made.chroot.touch()
    made.testbed_root.mkdir()

    def fail() -> None:
        raise StepError("it does not build", where="a module")

    with pytest.raises(StepError, match="a module: it does not build"):
        made.make(fail)


def test_hashes_tell_data_and_code_apart() -> None:
    assert systems.data_hash(["a", 1]) == systems.data_hash(("a", 1))
    assert systems.data_hash(["a", 1]) != systems.data_hash(["a", "1"])
    assert systems.data_hash([Path("a")]) == systems.data_hash(["a"])
    assert systems.code_hash(systems) != systems.code_hash(localrepo)


def test_a_run_that_is_to_end_does_not_wait_for_the_folder(tmp_path: Path) -> None:
    runner = Runner()
    ended: list[str] = []

    def wait() -> None:
        with runner.used(), pytest.raises(MachineError) as caught, systems.alone(tmp_path):
            ended.append("had the folder")
        ended.append(str(caught.value))

    with systems.alone(tmp_path):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        runner.stop()
        waiting.join(20)
    assert len(ended) == 1
    assert ended[0].endswith("ended while another run was at work here")
