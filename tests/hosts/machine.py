"""Another system on this machine: a root of its own, entered by namespaces and pivot_root.

A chroot would not do: in one the kernel refuses user namespaces, and builds need them. What is
mounted is seen from inside alone, and ends with the last process there. Control groups are of the
second version alone, as these systems have them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backport import namespaces
from backport.engine.process import Completed, run
from tests.support.systems import home, made_once

ROOT = Path(__file__).parents[2]
HOME = home() / "hosts"
CHECKOUT = "srv/checkout"
# How this machine reaches its mirror and the package index is its own affair, and what says so.
_SETTINGS = (
    "etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/xdg/pip",
    "usr/local/share/ca-certificates", "root/.config/pip",
)  # fmt: skip
_VARIABLES = ("PIP_", "SSL_", "REQUESTS_", "CURL_", "http", "no_proxy", "BACKPORT_LAUNCHPAD")
# What downloads are kept in, by their places inside.
_KEPT = {
    "hosts/debs": "var/cache/apt/archives",
    "hosts/pip": "root/.cache/pip",
    "cache": "root/.cache/backport",
}

# In new namespaces: $1 is the root, $2 the folder of downloads; the rest is the command.
_ENTER = f"""\
set -e
root=$1 kept=$2; shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 dev dev
for node in null zero full random urandom tty fuse; do
    [ ! -e /dev/$node ] || {{ touch dev/$node; mount --bind /dev/$node dev/$node; }}
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,mode=0620,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=0755 run run
{"".join(f'mount --bind "$kept/{name}" {place}{chr(10)}' for name, place in _KEPT.items())}\
pivot_root . mnt
cd /{CHECKOUT}
umount -l /mnt
exec "$@"
"""
_UP_TO_DATE = """\
export DEBIAN_FRONTEND=noninteractive
update-ca-certificates && apt-get -q update && apt-get -q --yes full-upgrade
"""


class Machine:
    """A Debian of its own, with a clone of this checkout; its processes are in there alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, inside: str) -> Path:
        """Where this machine has a file of the checkout."""
        return self.root / CHECKOUT / inside

    def run(self, *args: str, timeout: float = 3600) -> Completed:
        """Run a command in the checkout, as root."""
        variables = [f"{k}={v}" for k, v in os.environ.items() if k.startswith(_VARIABLES)]
        env = ["env", "-i", "HOME=/root", "LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        inside = ["sh", "-c", _ENTER, "sh", str(self.root), str(home()), *env, *variables, *args]
        command = namespaces.command(inside, processes=False, end_with_caller=True)
        return run(command, timeout=timeout)


@contextmanager
def machine(suite: str) -> Iterator[Machine]:
    """A fresh machine of a Debian suite, up to date; it is removed at the end.

    It is below BACKPORT_TEST_CACHE, where what it is unpacked from and what it downloads is kept.
    """
    for name in _KEPT:
        (home() / name).mkdir(parents=True, exist_ok=True)
    root = HOME / "running" / suite
    with (HOME / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _must(["rm", "-rf", "--one-file-system", root])  # what a run left that was killed
        root.mkdir(parents=True)
        try:
            yield _fresh(suite, root)
        finally:
            _must(["rm", "-rf", "--one-file-system", root])


def _fresh(suite: str, root: Path) -> Machine:
    _must(["tar", "--numeric-owner", "-xpf", _tarball(suite), "-C", root])
    for setting in _SETTINGS:
        _carry(Path("/", setting), root / setting)
    for place in (*_KEPT.values(), "srv"):
        (root / place).mkdir(parents=True, exist_ok=True)
    _must(["git", "clone", "--quiet", "--no-hardlinks", ROOT, root / CHECKOUT])
    made = Machine(root)
    done = made.run("sh", "-c", _UP_TO_DATE)
    assert done.exit_code == 0, done.tail(20)
    return made


def _carry(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(source, target)


def _tarball(suite: str) -> Path:
    """A minimal system of the suite, packed."""
    # How this machine's apt reaches a mirror.
    dump = run(["apt-config", "dump"]).output.splitlines()
    settings = HOME / f"{suite}.apt"
    settings.write_text("".join(f"{line}\n" for line in dump if line.startswith("Acquire::")))
    options = ("--variant=minbase", "--include=ca-certificates", f"--aptopt={settings}")
    return made_once(HOME / f"{suite}.tar", suite, *options)


def _must(command: list[str | Path]) -> None:
    done = run(command, timeout=1800)
    assert done.exit_code == 0, done.tail(20)
