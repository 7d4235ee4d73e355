from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.build import sbuild
from backport.build.sbuild import build
from backport.build.session import BuildOptions
from backport.builder.user import find_builder
from backport.engine import owner
from backport.engine.verdict import Broken, Failed, Passed
from backport.environments.chroot import remove_tree
from backport.errors import InputError
from tests.build.bullseye import Bullseye
from tests.build.packages import make_repository, make_source
from tests.support.processes import eventually, running

# What a process sees of the network: the error of a connection to an outside address (nothing
# answers there, RFC 5737), and the interfaces that are up.
PROBE = (
    "perl -MSocket -e 'socket(S,PF_INET,SOCK_DGRAM,0);"
    'connect(S,sockaddr_in(9,inet_aton("192.0.2.1"))) and die "there is a route";'
    'print "NET: $$!{ENETUNREACH}\\n"\''
)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "empty", {})


def test_a_source_is_built_offline_against_the_pinned_packages(
    base: Bullseye, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A configuration of the user's own that would end every build, and one that hides failures.
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".sbuildrc").write_text("die 'the configuration of the user';\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEB_BUILD_OPTIONS", "nocheck")
    dsc = make_source(
        tmp_path,
        commands=f"{PROBE}\ndpkg-query -W needed\necho OPTIONS: $(DEB_BUILD_OPTIONS)\nid -un",
        build_depends="fakeroot, needed",
    )
    newer = make_repository(tmp_path / "base", {"needed": "2.0", "other": "1.0"})
    built = make_repository(tmp_path / "built", {"needed": "1.0~ours"})

    result = build(
        dsc,
        chroot=base.chroot,
        repositories=[built, newer],
        out=tmp_path / "out" / "tiny",
        series="xenial",
    )

    out = tmp_path / "out" / "tiny"
    log = (out / sbuild.LOG).read_text()
    assert result.verdict == Passed("1 packages"), log
    assert "NET: " in log
    assert "NET: 0" not in log
    assert "needed\t1.0~ours" in log
    assert "OPTIONS: parallel=1\n" in log
    (changes,) = out.glob("*.changes")
    assert "Distribution: xenial" in changes.read_text()
    files = {path.name: path.stat() for path in out.iterdir()}
    (buildinfo,) = out.glob("*.buildinfo")
    assert set(files) == {"tiny_1.0_all.deb", changes.name, buildinfo.name, sbuild.LOG}
    assert {stat.st_uid for stat in files.values()} == {os.geteuid()}
    assert [path.name for path in out.parent.iterdir()] == ["tiny"]


def test_a_failing_upstream_test_fails_the_build_and_keeps_no_package(
    base: Bullseye, tmp_path: Path, empty: Path
) -> None:
    commands = "echo 'FAILED (failures=1)'; exit 1"
    dsc = make_source(tmp_path, commands=commands)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tiny_0.9_all.deb").write_text("of an earlier build")

    result = build(dsc, chroot=base.chroot, repositories=[empty], out=tmp_path / "out")

    assert result.verdict == Failed("build", "FAILED (failures=1)", "build.log")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["build.log"]


def test_a_build_over_its_time_limit_failed_and_leaves_nothing_running(
    base: Bullseye, tmp_path: Path, empty: Path
) -> None:
    dsc = make_source(tmp_path, commands="sleep 987")

    result = build(dsc, chroot=base.chroot, repositories=[empty], out=tmp_path / "out", timeout=9)

    assert isinstance(result.verdict, Failed)
    assert result.verdict.stage == "timeout"
    assert running("sleep", "987") == []


def test_the_chroot_of_a_failed_build_is_kept_and_can_be_entered(
    base: Bullseye, empty: Path, open_folder: Path
) -> None:
    dsc = make_source(open_folder, commands="echo here > /build/mark; exit 1")

    build(
        dsc,
        chroot=base.chroot,
        repositories=[empty],
        out=open_folder / "out",
        options=BuildOptions(keep=open_folder / "kept"),
    )

    (chroot,) = (open_folder / "kept").iterdir()
    test = ["sh", "-c", "test -e /build/mark && test $(id -u) = 0 && test -e /proc/self"]
    assert sbuild.shell(chroot, test) == 0
    assert sbuild.shell(chroot, ["false"]) == 1
    remove_tree(open_folder / "kept")
    assert not (open_folder / "kept").exists()


def test_a_chroot_in_a_broken_tarball_is_no_failure_of_the_package(
    tmp_path: Path, empty: Path
) -> None:
    (tmp_path / "chroot.tar").write_text("this is no tarball")
    dsc = make_source(tmp_path)

    result = build(dsc, chroot=tmp_path / "chroot.tar", repositories=[empty], out=tmp_path / "out")

    assert isinstance(result.verdict, Broken)
    reason = "the chroot could not be made ready: tar: This does not look like a tar archive"
    assert result.verdict.detail == reason
    # It is tried once more, since that is the machine's doing now and then.
    assert (tmp_path / "out" / sbuild.LOG).read_text().count("Unpacking ") == 2


def test_a_source_without_one_of_its_files_is_refused(
    base: Bullseye, tmp_path: Path, empty: Path
) -> None:
    dsc = make_source(tmp_path)
    (tmp_path / "tiny_1.0.tar.xz").unlink()

    with pytest.raises(InputError, match=r"tiny_1\.0\.tar\.xz of the source is missing"):
        build(dsc, chroot=base.chroot, repositories=[empty], out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_an_ordinary_user_builds_without_another_user(base: Bullseye, open_folder: Path) -> None:
    builder = find_builder()
    dsc = make_source(open_folder)
    repository = make_repository(open_folder / "repository", {})
    chroot = shutil.copyfile(base.chroot, open_folder / "chroot.tar")
    if builder.switch:
        subprocess.run(["chown", "-R", f"{builder.uid}:{builder.gid}", open_folder], check=True)
    # A closed folder, as home folders are.
    open_folder.chmod(0o700)

    worker = multiprocessing.get_context("fork").Process(
        target=_build_as, args=(builder.uid, builder.gid, dsc, chroot, repository)
    )
    worker.start()
    worker.join(120)

    log = (open_folder / "out" / "build.log").read_text()
    assert worker.exitcode == 0, log
    files = list((open_folder / "out").iterdir())
    assert (open_folder / "out" / "tiny_1.0_all.deb") in files
    assert {path.stat().st_uid for path in files} == {builder.uid}


def _build_as(uid: int, gid: int, dsc: Path, chroot: Path, repository: Path) -> None:
    if os.geteuid() != uid:
        os.initgroups(pwd.getpwuid(uid).pw_name, gid)
        os.setgid(gid)
        os.setuid(uid)
        sys.executable = "/usr/bin/python3"  # this process's own may be in a folder of root's
    os.chdir(dsc.parent)
    os.environ["HOME"] = str(dsc.parent)  # dpkg reads a file there
    result = build(
        dsc,
        chroot=chroot,
        repositories=[repository],
        out=dsc.parent / "out",
        options=BuildOptions(layered=True, memory=True),
    )
    os._exit(0 if isinstance(result.verdict, Passed) and result.layer else 1)


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "on disk"])
def test_a_build_that_was_killed_leaves_no_process_and_only_its_folders(
    base: Bullseye, tmp_path: Path, empty: Path, in_memory: bool
) -> None:
    dsc = make_source(tmp_path, commands="sleep 876")
    out = tmp_path / "work" / "tiny"
    program = (
        "from pathlib import Path\nfrom backport.build.sbuild import *\n"
        f"build(Path({str(dsc)!r}), chroot=Path({str(base.chroot)!r}), "
        f"repositories=[Path({str(empty)!r})], out=Path({str(out)!r}), "
        f"options=BuildOptions(memory={in_memory}))\n"
    )
    toolkit = subprocess.Popen([sys.executable, "-c", program], env=_environment())
    eventually("the build sleeps", lambda: running("sleep", "876"), 300)
    log = sbuild.running_log(out)
    assert log is not None
    assert log.is_file()
    assert sbuild.running_log(out.with_name("tin")) is None
    before = owner.left_temporary()

    toolkit.send_signal(signal.SIGKILL)
    toolkit.wait()

    eventually("it is gone", lambda: not running("sleep", "876"), 300)
    assert not out.exists()
    assert [*out.parent.iterdir()] == [log.parents[1]]
    (stage,) = {*owner.left_temporary()} - {*before}
    for folder in (stage, log.parents[1]):
        remove_tree(folder)
    stage.with_name(f"{stage.name}{owner.NOTE}").unlink()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can walk to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(sbuild.__file__).parents[2])}
