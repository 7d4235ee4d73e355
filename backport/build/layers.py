"""Build chroots with build-dependencies in them, each made once for all builds with the same ones.

A layer is the build chroot's tarball with the closure of a set of build-dependencies installed. A
build starts from the layer of exactly its own set, so a package that is not in its closure is not
there. The update's own packages are in no layer: a build installs them itself.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote

from backport.builder import sandbox
from backport.builder.user import Builder
from backport.engine.process import run, wait_for
from backport.environments import apt_setup
from backport.environments.systems import code_hash, data_hash
from backport.source.files import set_plain_modes
from backport.source.text import control_paragraphs, read_text

NAME = "layer-{}.tar"
"""A layer's file, beside the chroot that it is made from."""

_BUILD_DEPENDS = ("Build-Depends", "Build-Depends-Arch", "Build-Depends-Indep")
_INSIDE = "/srv/backport"
_MAKE_SECONDS = 1800.0

# In the namespaces, as root of a user namespace: $1 is the stage. The tarball goes to descriptor 3
# and the names of what is installed to 4: both files are open before the change of user.
_MAKE = f"""\
set -e
root=$1/chroot
mount -t tmpfs -o mode=0755,size=60% layer "$root"
tar --numeric-owner --exclude='./dev/*' -xf "$1/chroot.tar" -C "$root"
mkdir -p "$root{_INSIDE}/0" "$root{_INSIDE}/setup" "$root/dev" "$root/proc"
mount --bind "$1/r0" "$root{_INSIDE}/0"
mount --bind "$1/setup" "$root{_INSIDE}/setup"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
chroot "$root" sh {_INSIDE}/setup/install
chroot "$root" dpkg-query --show --showformat='${{db:Status-Status}} ${{Package}}\\n' >&4
umount "$root{_INSIDE}/0" "$root{_INSIDE}/setup"
rmdir "$root{_INSIDE}/0" "$root{_INSIDE}/setup"
tar --numeric-owner --one-file-system -C "$root" -cf - . >&3
"""

# apt reads the build-dependencies of a source folder since 1.1.
_INSTALL = f"""\
set -e
export DEBIAN_FRONTEND=noninteractive
sh {_INSIDE}/setup/apply
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
apt-get --quiet --yes build-dep {_INSIDE}/setup/source
rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/*
apt-get clean
"""


@dataclass(frozen=True)
class Layer:
    """A chroot's tarball, and the names of the packages that are installed in it."""

    tarball: Path
    packages: frozenset[str]

    @property
    def name(self) -> str:
        """What a record calls it."""
        return self.tarball.stem


def for_build(
    dsc: Path, chroot: Path, repositories: Sequence[Path], builder: Builder, stage: Path
) -> Layer | None:
    """The layer of a build; it is made if it is not there.

    Parameters:
        dsc: the source package.
        chroot: the build chroot's tarball; layers are kept beside it.
        repositories: flat repositories: the update's own first, the base last.
        stage: an empty folder that everybody may walk through, for the mounts.

    Returns:
        None where none can serve: apt could not install the set, or the set brings a package of
        the base that the update makes as well.
    """
    base = repositories[-1]
    own = _own_packages(repositories[:-1])
    relations = external(_build_depends(dsc), own)
    stat = chroot.stat()
    made_by = code_hash(apt_setup) + data_hash([_MAKE, _INSTALL])
    with (base / "Packages").open("rb") as stream:
        index = hashlib.file_digest(stream, "sha256").hexdigest()
    key = data_hash([chroot.name, stat.st_size, stat.st_mtime_ns, index, relations, made_by])
    tarball = chroot.with_name(NAME.format(key))
    names = tarball.with_suffix(".packages")
    with tarball.with_suffix(".lock").open("w") as lock:
        wait_for(lock)
        if not tarball.is_file() or not names.is_file():
            with tempfile.TemporaryDirectory(dir=chroot.parent, prefix=".making-") as folder:
                scratch = Path(folder)
                if not _make(
                    relations, chroot, base, builder=builder, scratch=scratch, stage=stage
                ):
                    return None
                (scratch / "packages").replace(names)
                (scratch / "layer.tar").replace(tarball)
        os.utime(tarball)
    layer = Layer(tarball, frozenset(names.read_text().split()))
    return None if layer.packages & own.keys() else layer


def external(relations: Sequence[str], own: Mapping[str, Sequence[str]]) -> list[str]:
    """The relations that the base has to meet, sorted: an own package stands for what it needs.

    Parameters:
        relations: such as ``debhelper (>= 9~)``, of a control file.
        own: the relations of each of the update's own packages, by name.

    >>> external(["debhelper (>= 9)", "python-b"], {"python-b": ["python-c (>= 1)", "python-b"]})
    ['debhelper (>= 9)', 'python-c (>= 1)']
    """
    found: set[str] = set()
    seen: set[str] = set()
    left = list(relations)
    while left:
        relation = left.pop()
        name = re.split(r"[\s(:\[<|]", relation, maxsplit=1)[0]
        if name not in own:
            found.add(relation)
        elif name not in seen:
            seen.add(name)
            left += own[name]
    return sorted(found)


def _build_depends(dsc: Path) -> list[str]:
    (source,) = control_paragraphs(read_text(dsc))
    return _relations(*(source.get(field, "") for field in _BUILD_DEPENDS))


def _own_packages(repositories: Sequence[Path]) -> dict[str, list[str]]:
    packages: dict[str, list[str]] = {}
    for repository in repositories:
        for package in apt_setup.packages(repository):
            fields = (package.get(field, "") for field in ("Pre-Depends", "Depends"))
            packages[package["Package"]] = _relations(*fields)
    return packages


def _relations(*fields: str) -> list[str]:
    parts = (" ".join(part.split()) for field in fields for part in field.split(","))
    return [part for part in parts if part]


def _make(
    relations: Sequence[str],
    chroot: Path,
    base: Path,
    *,
    builder: Builder,
    scratch: Path,
    stage: Path,
) -> bool:
    """Make ``layer.tar`` and ``packages`` in `scratch`; False where a program in it failed."""
    setup = scratch / "setup"
    apt_setup.write_setup(setup, [base], [f"{_INSIDE}/0"], inside=f"{_INSIDE}/setup")
    source = setup / "source" / "debian"
    source.mkdir(parents=True)
    (source / "control").write_text(
        f"Source: layer\nMaintainer: nobody <nobody@example.org>\n"
        f"Build-Depends: {', '.join(relations)}\n\nPackage: layer\nArchitecture: all\n"
    )
    (setup / "install").write_text(_INSTALL)
    (setup / "make").write_text(_MAKE)
    set_plain_modes(setup)
    binds = [
        sandbox.Bind(chroot.resolve(), "chroot.tar"),
        sandbox.Bind(setup, "setup"),
        sandbox.Bind(base.resolve(), "r0"),
    ]
    enter = sandbox.as_root_inside(builder, ["/bin/sh", str(stage / "setup" / "make"), str(stage)])
    # Root's own program has to be read before it changes the user; a user's keeps two rights.
    step_down = "" if builder.switch else sandbox.step_down(builder)
    script = (
        f"set -eu\numask 022\nunset TMPDIR\nexec 3>{quote(str(scratch / 'layer.tar'))} "
        f"4>{quote(str(scratch / 'names'))}\n"
        f"{sandbox.stage_script(stage, binds, ['chroot'], builder, size='1m')}"
        f"{step_down} {join(enter)}\n"
    )
    (scratch / "enter").write_text(script)
    log = scratch / "log"
    done = run(sandbox.command(builder, scratch / "enter"), log=log, timeout=_MAKE_SECONDS)
    if done.exit_code != 0:
        return False
    lines = (line.split() for line in (scratch / "names").read_text().splitlines())
    installed = sorted(name for status, name in lines if status == "installed")
    (scratch / "packages").write_text("".join(f"{name}\n" for name in installed))
    return True
