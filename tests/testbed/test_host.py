from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backport import errors
from backport.engine.process import as_root, run
from backport.testbed.host import cgroup_commands, cgroups_missing, check, read_mounts

UNIFIED = (
    "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    "30 23 0:27 / /tmp rw - tmpfs tmpfs rw\n"
)
HYBRID = (
    "30 29 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    "32 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "33 30 0:30 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
)


@pytest.mark.parametrize(
    ("mountinfo", "missing"),
    [
        (UNIFIED, ""),
        (HYBRID, ""),
        ("", "no control groups are mounted"),
        (HYBRID.splitlines()[0], "no control groups are mounted"),
        ("\n".join(HYBRID.splitlines()[:3]), "control groups are mounted without: devices"),
        (
            HYBRID.replace("xattr,name=systemd", "cpu"),
            "control groups are mounted without: systemd",
        ),
    ],
    ids=["unified", "hybrid", "nothing", "tmpfs alone", "no devices", "no systemd"],
)
def test_what_is_missing_of_control_groups_is_said(mountinfo: str, missing: str) -> None:
    assert cgroups_missing(read_mounts(mountinfo)) == missing


def test_the_commands_mount_every_hierarchy_below_a_folder_in_memory() -> None:
    commands = [" ".join(words) for words in cgroup_commands(["devices"])]

    assert commands == [
        "mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup",
        "mkdir -p /sys/fs/cgroup/devices",
        "mount -t cgroup -o devices cgroup /sys/fs/cgroup/devices",
        "mkdir -p /sys/fs/cgroup/systemd",
        "mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd",
        "mkdir -p /sys/fs/cgroup/unified",
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
    ]


# The same as a machine without control groups, seen by this one process.
_WITHOUT_CGROUPS = """\
import subprocess
from backport.testbed.host import check, prepare_host
subprocess.run(["umount", "-R", "-l", "/sys/fs/cgroup"], check=False)
print([one.what for one in check()])
prepare_host()
prepare_host()
print(check())
"""


def test_a_machine_without_control_groups_is_given_them() -> None:
    top = Path(errors.__file__).parents[1]
    done = run(
        as_root(
            ["unshare", "--mount", "--propagation", "private", "env", f"PYTHONPATH={top}",
             sys.executable, "-c", _WITHOUT_CGROUPS]
        )
    )  # fmt: skip

    assert done.output.splitlines() == ["['no control groups are mounted']", "[]"]


def test_this_machine_has_what_testbeds_need() -> None:
    assert check() == []
