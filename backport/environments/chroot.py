"""Chroots made by mmdebstrap from a local repository: for builds, for testbeds, to throw away.

mmdebstrap runs as root: an ordinary user asks sudo, which the testbeds need as well.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from backport import namespaces
from backport.doctor import has_memory_for_a_system
from backport.engine import system_errors
from backport.engine.process import as_root, run, taking_down
from backport.environments.apt_setup import INSIDE
from backport.errors import MachineError, StepError
from backport.system_packages import require

BASE_PLACE = f"{INSIDE}/base"
"""Where the base's repository is seen in every chroot and testbed."""

BUILD_PACKAGES = ("apt", "build-essential", "fakeroot")
"""What every build needs beside its build-dependencies; sbuild asks for both."""

# Names that xenial, yakkety and zesty have as well as Debian bullseye: no python3-*, and no
# timesyncd or pam packages, which only later series split off.
TESTBED_PACKAGES = (
    "apt",
    "cron",
    "dbus",
    "dpkg-dev",
    "iproute2",
    # It resolves the host's own name, whatever a clone of the testbed is called.
    "libnss-myhostname",
    "openssl",
    "procps",
    "systemd",
    "systemd-sysv",
)

_MAKE_SECONDS = 1800.0
_NAMES = {
    "buildd": "the build chroot",
    "essential": "the throw-away chroot",
    "minbase": "the testbed's root",
}

_ON_DISK = ("sh", "-c", 'export TMPDIR="$0"; exec "$@"')
# Unpacking and configuring in memory takes a fraction of the time. The mount is this process's
# alone, and the kernel takes it away with it, also after a kill -9.
_IN_MEMORY = (
    "sh",
    "-c",
    'mount -t tmpfs -o mode=0755 chroot "$0" && export TMPDIR="$0" && exec "$@"',
)

_APT_CONF = """\
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Periodic::Enable "0";
DPkg::Options { "--force-confold"; "--force-unsafe-io"; };
"""

# Leaves apt with local repositories alone.
_LOCAL_ALONE = (
    'rm -rf "$1"/etc/apt/sources.list.d/* "$1"/var/lib/apt/lists/* && '
    'rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" && mkdir -p "$1/etc/apt/apt.conf.d" && '
    f"echo 'deb [trusted=yes] file:{BASE_PLACE} ./' >\"$1/etc/apt/sources.list\" && "
    f'printf %s {quote(_APT_CONF)} >"$1/etc/apt/apt.conf.d/90local"'
)

# What makes a chroot larger and slower to unpack, and no build reads: left out while the chroot
# is made, but not of what is installed into it later. Their folders stay: a preinst of dash 0.5.8
# makes a link in /usr/share/man/man1.
_LEFT_OUT = ("/usr/share/doc/*/*", "/usr/share/locale/*.mo", "/usr/share/man/*.gz")
_KEPT = "/usr/share/doc/*/copyright"

# Jobs that would run by the clock, and reach for a network that is not there.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "man-db.timer",
)

# mmdebstrap(1), HOOKS: where init is Essential, systemd would be configured before PAM. The hook
# does nothing in a later series.
_OLD_INIT = Path("/usr/share/mmdebstrap/hooks/maybe-jessie-or-older")

_HOSTS = "127.0.0.1 localhost\n127.0.1.1 testbed\n::1 localhost ip6-localhost ip6-loopback\n"


def make_build_chroot(repository: Path, out: Path) -> Path:
    """Make the tarball of a minimal build chroot (mmdebstrap's variant buildd), for sbuild.

    It is not compressed: sbuild unpacks it anew for every build.

    Parameters:
        repository: a flat repository that has all packages.
        out: the tarball, ``.tar``; it appears by one rename.

    Raises:
        StepError: mmdebstrap failed; the message has its last line. MachineError: it is missing,
            or the disk is full.
    """
    settings = [
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        f"--dpkgopt=path-include={_KEPT}",
        '--customize-hook=rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"',
    ]
    with _aside(out) as fresh:
        _make("buildd", repository, fresh / "chroot.tar", BUILD_PACKAGES, settings, near=fresh)
        (fresh / "chroot.tar").replace(out)
    return out


def make_testbed_root(repository: Path, out: Path, *, include: Sequence[str] = ()) -> Path:
    """Make the root directory of a testbed with systemd and cron.

    Parameters:
        repository: a flat repository that has all packages.
        out: the root directory; it appears by one rename.
        include: further packages.

    Raises:
        StepError, MachineError: as `make_build_chroot` does.
    """
    masks = " ".join(f'ln -sf /dev/null "$1/etc/systemd/system/{unit}";' for unit in _MASKED)
    settings = [
        f"--customize-hook={masks}",
        f'--customize-hook=printf %s {quote(_HOSTS)} >"$1/etc/hosts"',
        '--customize-hook=echo testbed >"$1/etc/hostname"',
        '--customize-hook=echo LANG=C.UTF-8 >"$1/etc/default/locale"',
        # An empty file: systemd gives every clone an identity of its own (machine-id(5)).
        '--customize-hook=: >"$1/etc/machine-id"',
        '--customize-hook=rm -f "$1/etc/resolv.conf"',
    ]
    with _aside(out) as fresh:
        root, packed = fresh / "root", fresh / "root.tar"
        packages = [*TESTBED_PACKAGES, *include]
        _make("minbase", repository, packed, packages, settings, near=fresh)
        unpack = ["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", str(packed)]
        root.mkdir()
        # Only root may move root's folder to another one.
        move = ["mv", "--no-target-directory", str(root), str(out)]
        for command in ([*unpack, "-C", str(root)], move):
            done = run(as_root(command), timeout=_MAKE_SECONDS)
            if done.exit_code != 0:
                system_errors.refuse_full(done.output, out.parent)
                raise StepError(f"cannot unpack it: {done.tail(1)}", where=_NAMES["minbase"])
    return out


def remove(folder: Path) -> None:
    """Remove a folder, also where an ordinary user finds root's files in it; never fails."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists() and os.geteuid() != 0:
        with taking_down():
            run(as_root(["rm", "-rf", "--one-file-system", "--", folder]))


def remove_tree(folder: Path) -> None:
    """Remove a folder, the files of subordinate ids in it included.

    Raises:
        MachineError: something in it cannot be removed.
    """
    remove(folder)
    if folder.exists():
        raise MachineError(
            "the left-over folder cannot be removed",
            where=str(folder),
            advice=f"run: sudo rm -rf {folder}",
        )


def run_in_throwaway(
    repository: Path, *, include: Sequence[str], given: Path, script: str, result: Path
) -> None:
    """Make a chroot, run one shell script in it, take the result, and forget the chroot.

    In the chroot the given folder is /build/in, and what the script leaves in /build/stage is
    the result.

    Parameters:
        repository: a flat repository that has all packages.
        include: the packages that the script needs.
        given: the folder that the script works on.
        script: the script's path in `given`.
        result: the folder that the result comes into.

    Raises:
        StepError, MachineError: as `make_build_chroot` does; also where the script fails.
    """
    result.mkdir(parents=True, exist_ok=True)
    settings = [
        "--format=null",
        '--customize-hook=mkdir -p "$1/build/in"',
        f"--customize-hook=sync-in {quote(str(given))} /build/in",
        f'--customize-hook=chroot "$1" sh /build/in/{quote(script)}',
        f"--customize-hook=sync-out /build/stage {quote(str(result))}",
        f"--customize-hook=chown -R {os.geteuid()}:{os.getegid()} {quote(str(result))}",
    ]
    _make("essential", repository, None, include, settings, near=result.parent)


def _make(
    variant: str,
    repository: Path,
    target: Path | None,
    include: Sequence[str],
    settings: Sequence[str],
    *,
    near: Path,
) -> None:
    """Run mmdebstrap; `near` is a folder of the caller's that is cleaned up with it."""
    place = urllib.parse.quote(str(repository.resolve()))  # apt takes the signs off twice
    with tempfile.TemporaryDirectory(prefix="backport-chroot-", dir=near) as scratch:
        mmdebstrap = [
            # Not --quiet, which keeps to itself why a maintainer script failed.
            require("mmdebstrap"),
            "--mode=root",
            f"--variant={variant}",
            f"--include={','.join(include)}",
            # Nobody needs this chroot if the machine fails before it is done.
            "--dpkgopt=force-unsafe-io",
            '--aptopt=APT::Sandbox::User "root"',
            '--aptopt=Acquire::Languages "none"',
            *([f"--hook-dir={_OLD_INIT}"] if _OLD_INIT.is_dir() else []),
            *settings,
            f"--customize-hook={_LOCAL_ALONE}",
            "",
            str(target or "-"),
            # "copy" and not "file": dpkg runs inside, where the folder does not exist.
            f"deb [trusted=yes] copy:{urllib.parse.quote(place)} ./",
        ]
        if has_memory_for_a_system():
            command = namespaces.command([*_IN_MEMORY, scratch, *mmdebstrap])
        else:
            command = [*_ON_DISK, scratch, *mmdebstrap]
        done = run(as_root(command), timeout=_MAKE_SECONDS)
    if done.exit_code != 0:
        # mmdebstrap keeps to itself why the tarball could not be written.
        system_errors.refuse_full(done.output, near.parent)
        if system_errors.used_up(near):
            raise system_errors.full(near.parent)
        raise StepError(
            f"mmdebstrap ended with {done.exit_code}: {_reason(done.output)}", where=_NAMES[variant]
        )


# dpkg's own words stand after those of a maintainer script.
_SCRIPT_FAILED = re.compile(r"dpkg: error processing (?:package|archive) (\S+) \(--\w+\):")


def _reason(output: str) -> str:
    """What the script in the chroot said last before it failed, else the first error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if failed := _SCRIPT_FAILED.match(line):
            package = failed[1].rpartition("/")[2].partition("_")[0]
            return f"{package}: {before} ({after})"
    for start in (("cannot build: ",), ("E: ", "dpkg: error")):
        for line in lines:
            if line.startswith(start):
                return line.removeprefix("E: ")
    return lines[-1] if lines else "it printed nothing"


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """A scratch folder on the same file system as `out`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=".new-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        remove(folder)
