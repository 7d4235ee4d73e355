"""Namespaces are made by system call, and need no program that a profile could bind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from backport import namespaces
from backport.builder.user import find_builder
from backport.engine.process import Completed, run
from backport.namespaces import Range
from tests.support.processes import eventually, running

MOUNT = "mount -t tmpfs inside-alone /mnt && findmnt -n -o SOURCE /mnt"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do that")


def inside(script: str, **options: object) -> Completed:
    return run(namespaces.command(["sh", "-c", script], **options))  # type: ignore[arg-type]


def inside_as_a_user(script: str, **options: object) -> Completed:
    """The same for the build user, who is no root."""
    builder = find_builder()
    words = namespaces.command(["sh", "-c", script], **options)  # type: ignore[arg-type]
    if builder.switch:
        become = [f"--reuid={builder.uid}", f"--regid={builder.gid}", "--clear-groups"]
        # This process's own Python may be in a folder of root's.
        words = ["setpriv", *become, "--", "/usr/bin/python3", *words[1:]]
    return run(words)


@pytest.fixture
def mapped() -> dict[str, object]:
    """A user namespace of the build user's, in which every id keeps its number."""
    builder = find_builder()
    return {
        "users": [Range(builder.uid, builder.uid), builder.subuids],
        "groups": [Range(builder.gid, builder.gid), builder.subgids],
    }


@as_root
def test_a_mount_is_seen_inside_alone_and_no_program_of_the_path_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare: Permission denied' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert inside(MOUNT).output == "inside-alone\n"
    assert "inside-alone" not in Path("/proc/self/mountinfo").read_text()


@as_root
def test_a_command_may_have_processes_and_a_network_of_its_own() -> None:
    shown = inside("echo $$; ls /proc | grep -c '^[0-9]'; ls /sys/class/net >/dev/null; ip -o link",
                   processes=False, network=False).output.splitlines()  # fmt: skip

    assert shown[0] == "1"
    assert int(shown[1]) <= 3
    assert [line.split(":")[1] for line in shown[2:]] == [" lo"]


def test_a_user_keeps_the_numbers_of_all_ids_or_is_root_inside_and_may_mount(
    mapped: dict[str, object],
) -> None:
    builder = find_builder()
    first = builder.subuids.outside
    script = f"{MOUNT}; id -u; touch /mnt/file; chown {first} /mnt/file; stat -c %u /mnt/file"
    done = inside_as_a_user(script, keep_capabilities=True, **mapped)
    assert done.output == f"inside-alone\n{builder.uid}\n{first}\n"

    ranges = {
        "users": [replace(builder.subuids, inside=0)],
        "groups": [replace(builder.subgids, inside=0)],
    }
    for who in (inside, inside_as_a_user):
        done = who(f"{MOUNT}; id -u; id -G", root_inside=True, **ranges)
        assert done.output == "inside-alone\n0\n0\n"


def test_ids_that_are_nobodys_to_map_end_in_a_sentence(mapped: dict[str, object]) -> None:
    done = inside_as_a_user("true", **{**mapped, "users": [Range(0, 4_000_000_000, 65536)]})
    assert done.exit_code == 1
    assert "no namespaces: " in done.output
    assert "Traceback" not in done.output


@as_root
@pytest.mark.parametrize("processes", [True, False])
def test_the_exit_code_is_the_commands(processes: bool) -> None:
    assert inside("exit 7", processes=processes).exit_code == 7
    assert run(namespaces.command(["no-such-program"], processes=processes)).exit_code == 1


@as_root
def test_what_runs_inside_ends_with_the_caller() -> None:
    mark = f"sleep {600 + os.getpid() / 1e7}"
    command = namespaces.command(
        ["sh", "-c", f"{mark} & until pgrep -fx '{mark}' >&2; do :; done; echo started; wait"],
        processes=False,
        end_with_caller=True,
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({command!r})"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == "started\n"

    caller.send_signal(signal.SIGKILL)
    caller.wait()
    caller.stdout.close()

    eventually("it has ended", lambda: not running(*mark.split()), 60)
