"""A testbed whose systemd is older than 232, on a machine that has control groups v2 alone.

What Debian still has of systemd is younger, and takes the second version where LXC has mounted it.
So an init of the test's own freezes there in systemd 229's place, and else starts the real one in
the mode of the first version.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport import errors
from backport.engine.process import Completed, as_root, run
from tests.build.bullseye import Bullseye
from tests.build.packages import make_repository

INIT = """\
#!/bin/sh
if grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts; then
    exec sleep infinity
fi
exec /lib/systemd/systemd systemd.unified_cgroup_hierarchy=0 \\
    systemd.legacy_systemd_cgroup_controller=1
"""
# The same as a machine with the second version alone, seen by this one process.
SECOND_VERSION_ALONE = """\
import subprocess, sys
from pathlib import Path
subprocess.run(["umount", "-R", "-l", "/sys/fs/cgroup"], check=True)
subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
def mounted():
    return [line.split()[:5] for line in open("/proc/self/mountinfo")]
mounts = mounted()
from backport.engine.process import run
from backport.testbed import host, lxc
from backport.testbed.lxc import Testbed, attach
root, out = Path(sys.argv[1]), Path(sys.argv[2])
"""
UNCHANGED = """
# What is there of other programs goes where they remove its place, or has other options then.
print([mount for mount in mounted() if mount not in mounts] or "unchanged")
"""


@pytest.fixture(scope="module")
def root(base: Bullseye) -> Iterator[Path]:
    """The testbed's root, whose systemd has the version and the needs of xenial's."""
    place = base.testbed_root.with_name("root-with-229")
    run(as_root(["rm", "-rf", "--one-file-system", place]))
    script = f"""\
cp -a {base.testbed_root} {place} && cd {place} && rm sbin/init
cat > sbin/init && chmod 755 sbin/init
sed -i '/^Package: systemd$/,/^$/s/^Version: .*/Version: 229-4ubuntu21.31/' var/lib/dpkg/status"""
    subprocess.run(as_root(["sh", "-ec", script]), input=INIT, text=True, check=True)
    yield place
    run(as_root(["rm", "-rf", "--one-file-system", place]))


def on_second_version_alone(program: str, *args: Path) -> Completed:
    top = Path(errors.__file__).parents[1]
    text = SECOND_VERSION_ALONE + program + UNCHANGED
    return run(
        as_root(["unshare", "--mount", "--propagation", "private", "env", f"PYTHONPATH={top}",
                 sys.executable, "-c", text, *args])
    )  # fmt: skip


def test_systemd_comes_up_in_two_testbeds_at_once_and_no_mount_is_left(
    root: Path, tmp_path: Path
) -> None:
    done = on_second_version_alone(
        """
with Testbed(root, {}) as one, Testbed(root, {}) as two:
    with one.booted() as first, two.booted() as second:
        for clone in (first, second):
            shown = ["sh", "-c", "systemctl is-system-running; grep name=systemd: /proc/1/cgroup"]
            print(run(attach(clone, shown)).output.split())
        shown = ["findmnt", "-n", "-o", "OPTIONS", "/sys/fs/cgroup/systemd"]
        print(run(attach(first, shown)).output)
""",
        root,
        tmp_path,
    )

    first, second, options, *_, last = done.output.splitlines()
    for line in (first, second):
        assert re.fullmatch(r"\['(running|degraded)', '\d+:name=systemd:/init.scope'\]", line), line
    assert "name=systemd" in options
    assert last == "unchanged"


def test_autopkgtest_runs_in_such_a_testbed(root: Path, tmp_path: Path) -> None:
    make_repository(tmp_path / "base", {"tiny": "1.0"})
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "control").write_text("Tests: says\nDepends: tiny\n")
    (tests / "says").write_text("#!/bin/sh\ngrep name=systemd:/init.scope /proc/1/cgroup\n")

    done = on_second_version_alone(
        """
from backport.testbed import autopkgtest
with Testbed(root, {"base": out / "base"}) as testbed:
    result = autopkgtest.run(out / "tests", testbed=testbed, out=out / "result")
print(result.verdict)
""",
        root,
        tmp_path,
    )

    assert done.output.splitlines() == ["Passed(detail='1 tests')", "unchanged"]


def test_without_the_hierarchy_of_the_first_version_systemd_freezes(
    root: Path, tmp_path: Path
) -> None:
    done = on_second_version_alone(
        """
from backport import errors
lxc._SECOND_VERSION_SINCE = 0
with Testbed(root, {}) as testbed:
    clone = f"{testbed.name}-1"
    host.must(["lxc-copy", "-n", testbed.name, "-N", clone, "-e", *testbed.copy_options()])
    try:
        lxc.wait_for_systemd(clone, 5)
    except errors.MachineError as error:
        print(error)
    lxc.destroy_clone(clone)
""",
        root,
        tmp_path,
    )

    said, last = done.output.splitlines()
    assert "systemd in the testbed did not come up in 5 s" in said
    assert last == "unchanged"


def test_a_machine_that_refuses_the_first_version_is_told_of(tmp_path: Path) -> None:
    # As a user namespace's root, to whom the kernel gives no control groups of the first version.
    done = on_second_version_alone(
        """
shown = "from backport.testbed.host import check; print([one.what for one in %s])"
for call in ("check()", "check(old_systemd=True)"):
    words = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", shown % call]
    print(subprocess.run(words, stdout=subprocess.PIPE, text=True).stdout.strip())
""",
        tmp_path,
        tmp_path,
    )

    young, old, last = done.output.splitlines()
    assert young == "[]"
    assert "control groups of the first version, for systemd before 232: mount: " in old
    assert last == "unchanged"
