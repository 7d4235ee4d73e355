"""What this machine lacks, and the command that installs it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Missing:
    """Something that the machine lacks: `what`, `why` it is needed, and the `command` to run."""

    what: str
    why: str
    command: str


PROGRAMS = (
    ("dpkg-source", "dpkg-dev", "source packages"),
    ("debdiff", "devscripts", "the difference to the base"),
    ("dh", "debhelper", "cleaning a source tree"),
    ("patch", "patch", "the quilt series"),
    ("gpgv", "gpgv", "signatures of .dsc files and archives"),
    ("mmdebstrap", "mmdebstrap", "build chroots and testbeds"),
    ("sbuild", "sbuild", "builds"),
    ("apt-ftparchive", "apt-utils", "local repositories"),
    ("autopkgtest", "autopkgtest", "tests"),
    ("lxc-start", "lxc", "testbeds with systemd"),
    ("lintian", "lintian", "checks"),
    ("diffoscope", "diffoscope-minimal", "what differs between two builds"),
)


def missing_programs() -> Iterator[Missing]:
    """The programs that are not installed."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for program, package, why in PROGRAMS:
        if shutil.which(program) is None and shutil.which(program, path=path) is None:
            yield Missing(f"the program {program}", why, f"sudo apt install {package}")


def missing_room(folder: Path, gigabytes: float = 6.0) -> Iterator[Missing]:
    """Whether a cold run has room below `folder`: chroots, packages and logs."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < gigabytes:
        yield Missing(
            f"room: {free:.1f} GB free in {existing}",
            f"a cold run needs {gigabytes:.0f} GB",
            "backport clean --older-than 0, or name another folder with --work",
        )
