"""Testbeds: LXC containers with a running systemd, a loopback interface and nothing else.

A `Testbed` is a container that never runs itself: every test, and every shell, gets an overlay
clone of it that is thrown away. It needs root, directly or through sudo.
"""

from __future__ import annotations

import base64
import io
import os
import re
import secrets
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType

from debian.deb822 import Deb822

from backport.doctor import has_memory_for_a_system
from backport.engine import owner
from backport.engine.process import as_root, run, taking_down
from backport.environments.apt_setup import INSIDE
from backport.environments.layers import Layer
from backport.errors import InputError, MachineError
from backport.system_packages import require
from backport.testbed import host, seal
from backport.testbed.host import must, prepare_host
from backport.testbed.setup import PLACE, write_testbed_setup

PREFIX = "backport-"
_NOTE = "owner.json"
_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{8}}")
_BOOT_SECONDS = 60.0
_SECOND_VERSION_SINCE = 232
"""The first systemd that comes up on control groups of the second version alone."""


class Testbed:
    """A container, defined on entry and removed on exit.

    Parameters:
        root: the root directory of a system with systemd; it is never written to.
        repositories: flat apt repositories by name, the preferred one first, the base last; each
            is at ``/srv/backport/NAME`` inside, read-only.
        layer: what its clones have beside the root's own packages (see `layers.for_test`).

    Raises, on entry:
        InputError: the root directory is not one.
        MachineError: the machine lacks something that `prepare_host` cannot bring.

    Raises, on exit:
        MachineError: the root directory or a repository is not what it was; see `seal`.
    """

    __test__ = False

    def __init__(
        self, root: Path, repositories: Mapping[str, Path], *, layer: Layer | None = None
    ) -> None:
        self.root = root.resolve()
        self.repositories = {name: path.resolve() for name, path in repositories.items()}
        self.layer = layer
        self.name = f"{PREFIX}{secrets.token_hex(4)}"
        self.in_memory = has_memory_for_a_system()
        self._first_version = False
        self._seals: list[seal.Seal] = []
        self._numbers = count(1)

    def __enter__(self) -> Testbed:
        for needed in ("etc", "usr", "sbin/init"):
            # sbin/init is a link to an absolute path: it is not followed here.
            path = self.root / needed
            if not (path.exists() or path.is_symlink()):
                raise InputError(f"no root directory with systemd: {needed} is missing",
                                 where=str(self.root))  # fmt: skip
        prepare_host()
        old = systemd_version(self.root) < _SECOND_VERSION_SINCE
        self._first_version = old and not host.first_version_is_mounted()
        if self._first_version and (lack := host.first_version_missing()):
            raise MachineError(
                f"this machine lacks {lack}",
                advice="boot it without the kernel parameter cgroup_no_v1, or use --base stand-in",
            )
        require("lxc-copy")
        folders = [self.root, *([self.layer.folder] if self.layer else [])]
        self._seals = [seal.of_root(folder) for folder in folders]
        self._seals += [seal.of_repository(repository) for repository in self.repositories.values()]
        with owner.temporary(PREFIX) as folder:
            draft = folder / self.name
            draft.mkdir()
            (draft / "config").write_text(self._config())
            # LXC clones only a root file system whose path holds the container's name.
            (draft / "rootfs").mkdir()
            (draft / _NOTE).write_text(owner.facts_of_this_process(root=str(self.root)))
            part = containers() / f"{self.name}.part"
            rootfs = part / "rootfs"
            bind = ["mount", "--bind", "-o", "ro", str(self.root), str(rootfs)]
            must(["cp", "-RP", "--no-preserve=ownership", draft, part])
            try:
                must(self.layer.mount(rootfs) if self.layer else bind)
                must(["mv", "-T", part, part.with_name(self.name)])
            except BaseException:
                with suppress(MachineError), taking_down():
                    _remove(part.name)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with taking_down():
            _remove(self.name)
        for sealed in self._seals:
            sealed.check()

    def set_up(self, clone: str, names: Iterable[str] = ()) -> None:
        """Let apt in a clone see these repositories only; without names, all of them.

        Raises:
            MachineError: they cannot be set up.
        """
        packed = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder:
            chosen = {name: self.repositories[name] for name in names or self.repositories}
            write_testbed_setup(Path(folder), chosen)
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(folder, ".")
        script = f"mkdir -p {PLACE} && base64 -d | tar -C {PLACE} -x && sh {PLACE}/prepare"
        text = base64.encodebytes(packed.getvalue()).decode()
        done = run(attach(clone, ["sh", "-c", script]), input_text=text, timeout=300)
        if done.exit_code != 0:
            raise MachineError(
                f"the repositories cannot be set up: {done.tail(1) or 'no output'}", where=clone
            )

    def starting(self, args: Sequence[str]) -> list[str]:
        """The command that runs another one, which starts clones and is not root's.

        It sees the control groups that the testbed's systemd needs.
        """
        if not self._first_version:
            return list(args)
        back = ["setpriv", f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--init-groups"]
        return as_root(host.with_first_version([*(back if os.geteuid() != 0 else ()), *args]))

    def copy_options(self) -> list[str]:
        """What lxc-copy has to be told beside the names."""
        return ["--tmpfs"] if self.in_memory else []

    @contextmanager
    def booted(self) -> Iterator[str]:
        """A running clone; its systemd has come up. It is thrown away at the end.

        Raises:
            MachineError: it does not start, or systemd does not come up in time.
        """
        clone = f"{self.name}-{next(self._numbers)}"
        start = ["lxc-copy", "-n", self.name, "-N", clone, "-e", *self.copy_options()]
        try:
            must(
                host.with_first_version(start) if self._first_version else start,
                timeout=_BOOT_SECONDS,
            )
            wait_for_systemd(clone)
            yield clone
        finally:
            with taking_down():
                destroy_clone(clone)

    def _config(self) -> str:
        if bad := [name for name in self.repositories if not re.fullmatch(r"[\w.+-]+", name)]:
            raise InputError(f"a repository cannot be named {bad[0]!r}", where=self.name)
        mounts = "".join(
            f"lxc.mount.entry = {_escaped(path)} {INSIDE[1:]}/{name} none bind,ro,create=dir 0 0\n"
            for name, path in self.repositories.items()
        )
        # Halting with SIGKILL: a clone is thrown away, there is nothing to shut down for.
        return (
            "lxc.include = /usr/share/lxc/config/common.conf\n"
            f"lxc.uts.name = {self.name}\n"
            f"lxc.rootfs.path = dir:{containers() / self.name / 'rootfs'}\n"
            "lxc.net.0.type = empty\n"
            "lxc.net.0.flags = up\n"
            "lxc.apparmor.profile = unconfined\n"
            "lxc.signal.halt = SIGKILL\n"
            f"{mounts}"
        )


def systemd_version(root: Path) -> int:
    """The version of the systemd in a root directory, by dpkg's record.

    Raises:
        InputError: it has none.
    """
    status = root / "var/lib/dpkg/status"
    text = status.read_text(encoding="utf-8", errors="replace") if status.is_file() else ""
    for package in Deb822.iter_paragraphs(text, use_apt_pkg=False):
        version = re.match(r"\d+", package.get("Version", ""))
        if package.get("Package") == "systemd" and version:
            return int(version[0])
    raise InputError("no system with systemd", where=str(status))


def containers() -> Path:
    """The folder where LXC keeps containers (lxc.system.conf(5), lxc.lxcpath).

    Raises:
        MachineError: LXC is not installed.
    """
    require("lxc-config")
    return Path(must(["lxc-config", "lxc.lxcpath"]).output.strip() or "/var/lib/lxc")


def attach(clone: str, args: Sequence[str]) -> list[str]:
    """The command that runs another one inside a clone, as root."""
    return as_root(["lxc-attach", "-n", clone, "--clear-env", "--", *args])


def wait_for_systemd(clone: str, seconds: float = _BOOT_SECONDS) -> str:
    """Wait until systemd in the clone says running or degraded, and return which.

    Raises:
        MachineError: it did not within `seconds`.
    """
    limit = time.monotonic() + seconds
    state = ""
    while time.monotonic() < limit:
        done = run(attach(clone, ["systemctl", "is-system-running"]), timeout=10)
        state = done.tail(1).strip()
        if state in ("running", "degraded"):
            return state
        time.sleep(0.2)
    raise MachineError(
        f"systemd in the testbed did not come up in {seconds:.0f} s; it says {state!r}",
        where=clone,
        advice="run: backport doctor",
    )


def destroy_clone(clone: str) -> None:
    """End a clone and remove what it wrote; nothing where it is gone already."""
    run(as_root(["lxc-stop", "-k", "-n", clone]), timeout=60)
    folder = containers() / clone
    limit = time.monotonic() + 20
    # An ephemeral clone is removed by its own monitor, a moment after it stops.
    while _exists(folder) and time.monotonic() < limit:
        time.sleep(0.05)
    if _exists(folder):
        run(as_root(["umount", "-R", folder / "overlay"]))
        must(["rm", "-rf", "--one-file-system", folder])


def left_over() -> list[str]:
    """The names of the testbeds that killed runs left.

    A container is taken for ours only by its name and the note of its owner.
    """
    home = containers()
    names = must(["ls", "-1", home]).output.split()
    ours = [name for name in names if _NAME.fullmatch(name.removesuffix(".part"))]
    facts = {name: owner.read(run(as_root(["cat", home / name / _NOTE])).output) for name in ours}
    return [name for name, one in facts.items() if one is not None and not owner.is_alive(one)]


def clean_leftovers() -> list[str]:
    """Remove the testbeds of killed runs, with their clones. Returns their names.

    A clone is known by its root file system; those of runs that go on are left alone.
    """
    return sorted(removed for name in left_over() for removed in _remove(name))


def shell(testbed: Testbed, command: Sequence[str] = ("bash", "-l")) -> int:
    """Open a root shell on this terminal, in a clone with the testbed's repositories set up.

    Parameters:
        command: what to run in place of a login shell.

    Returns the shell's exit code. Raises what `Testbed.booted` and `Testbed.set_up` raise.
    """
    with testbed.booted() as clone:
        testbed.set_up(clone)
        return subprocess.run(attach(clone, command), check=False).returncode


def _remove(name: str) -> list[str]:
    """Remove a testbed and its clones."""
    clones = clones_of(name.removesuffix(".part"))
    for clone in clones:
        destroy_clone(clone)
    place = containers() / name
    run(as_root(["umount", place / "rootfs"]))
    must(["rm", "-rf", "--one-file-system", place])
    return [name, *clones]


def clones_of(name: str) -> list[str]:
    """The clones of a testbed that are there now: those whose lower layer is its root."""
    home = containers()
    mark = f"overlay:{home / name / 'rootfs'}:"
    find = ["find", str(home), "-mindepth", "2", "-maxdepth", "2", "-name", "config"]
    done = run(as_root([*find, "-exec", "grep", "-lsF", mark, "{}", "+"]))
    return sorted(Path(line).parent.name for line in done.output.splitlines() if line[:1] == "/")


def _exists(path: Path) -> bool:
    return run(as_root(["test", "-e", path])).exit_code == 0


def _escaped(path: Path) -> str:
    """A path in fstab(5) form: a space is \\040."""
    return str(path).replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")
