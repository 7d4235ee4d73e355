from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backport.builder import as_builder
from backport.builder.user import find_builder
from backport.engine.process import Completed
from tests.build.packages import make_source

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a user runs these programs as himself")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder, below those of root's that nobody else may walk to."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def run(folder: Path, script: str, *reads: Path) -> Completed:
    return as_builder.run(["sh", "-c", script, "sh", *reads], folder, reads=reads, env={})


def test_a_program_is_the_build_users_and_what_it_makes_the_callers(folder: Path) -> None:
    (folder / "there").touch()

    done = run(folder, "id -u; id -G; stat -c %u there; mkdir new; touch new/file; ln -s /etc link")

    builder = find_builder()
    assert builder.uid != 0
    assert done.output.split() == [str(n) for n in (builder.uid, builder.gid, builder.uid)]
    assert {path.lstat().st_uid for path in folder.rglob("*")} == {os.geteuid()}


def test_it_sees_and_writes_nothing_beside_its_folder(folder: Path) -> None:
    (folder.parent / "secret").write_text("secret")

    done = run(folder, "cat ../secret; touch ../new /usr/new; ls -A ..; ip -o link")

    lines = done.output.splitlines()
    assert [line for line in lines if "LOOPBACK" not in line] == [
        "cat: ../secret: No such file or directory",
        "touch: cannot touch '../new': Permission denied",
        "touch: cannot touch '/usr/new': Permission denied",
        "folder",
    ]


def test_it_reads_copies_of_a_package_and_of_the_files_that_it_lists(
    folder: Path, tmp_path: Path
) -> None:
    dsc = make_source(tmp_path / "archive")
    tarball = dsc.with_suffix(".tar.xz")
    tarball.chmod(0o600)

    done = run(folder, 'cat "${1%.dsc}.tar.xz" | sha256sum; echo >"$1"; echo "$1"', dsc)

    assert done.output.splitlines()[-1] == str(dsc)
    assert done.output.split()[0] in dsc.read_text()
    assert tarball.stat().st_uid == os.geteuid()


def test_a_root_that_may_not_mount_is_told_so(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from backport.builder import as_builder; "
        "as_builder.run(['true'], Path(sys.argv[1]), env={})"
    )
    without = ["setpriv", "--bounding-set=-sys_admin", sys.executable, "-c", script, folder]
    done = subprocess.run(without, capture_output=True, text=True, check=False)

    assert "MachineError: true cannot run as backport-build: no namespaces: " in done.stderr
    assert folder.stat().st_uid == os.geteuid()
