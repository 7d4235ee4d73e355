from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backport import errors
from backport.engine.process import run
from backport.testbed.host import as_root, cgroups_missing, check

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
        (UNIFIED, False),
        (HYBRID, False),
        ("", True),
        ("\n".join(HYBRID.splitlines()[:3]), True),
        (HYBRID.replace("xattr,name=systemd", "cpu"), True),
    ],
    ids=["unified", "hybrid", "nothing", "no devices", "no systemd"],
)
def test_control_groups_are_those_of_the_second_version_or_two_of_the_first(
    mountinfo: str, missing: bool
) -> None:
    assert cgroups_missing(mountinfo) == missing


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

    assert done.output.splitlines() == ["['control groups']", "[]"]


def test_this_machine_has_what_testbeds_need() -> None:
    assert check() == []
