"""Systems with packages in them, each made once for all builds and tests that need the same ones.

A layer is the build chroot or the testbed's root with the closure of a set of relations installed.
A build or test starts from the layer of exactly its own closure, so a package that is not in it is
not there. The host's apt tells the closure from the system's dpkg status, in a twentieth of a
second. A new layer is made from the one that has the most of its packages, and no other. The
update's own packages are in no layer: they are installed each time.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote

from debian.deb822 import Deb822

from backport import namespaces
from backport.builder import sandbox
from backport.builder.user import Builder
from backport.engine.process import as_root, run, wait_for
from backport.environments import apt_setup, chroot
from backport.environments.apt_setup import INSIDE
from backport.environments.private_apt import PrivateApt
from backport.environments.systems import architecture, code_hash, data_hash
from backport.errors import InputError
from backport.source.files import set_plain_modes
from backport.source.relations import BUILD_DEPENDS
from backport.source.text import control_paragraphs, read_text

_MAKE_SECONDS = 1800.0
_MAKE = Path(__file__).with_suffix(".sh")
_INSTALL = Path(__file__).with_name("install.sh")
_PACKAGES = "packages"
"""The file of a layer that lists what is installed beside the system's own packages."""


@dataclass(frozen=True)
class Layer:
    """A folder beside a build chroot or testbed's root, with that chroot anew or an overlay for it.

    `complete` says that nothing more is to be installed.
    """

    system: Path
    folder: Path
    complete: bool

    @property
    def name(self) -> str:
        """What a record calls it."""
        return self.folder.name

    @property
    def tarball(self) -> Path:
        """The chroot with the packages."""
        return self.folder / "chroot.tar"

    def mount(self, place: Path) -> list[str]:
        """The command for root that mounts the testbed's root with the packages, read-only."""
        options = f"ro,lowerdir=root:../{self.system.name}"
        return ["env", "-C", str(self.folder), "mount", "-t", "overlay", "-o", options,
                "layer", str(place)]  # fmt: skip


def for_build(
    dsc: Path, tarball: Path, repositories: Sequence[Path], builder: Builder, stage: Path
) -> Layer | None:
    """The layer of a build; it is made if it is not there.

    Parameters:
        dsc: the source package.
        tarball: the build chroot; layers are kept beside it.
        repositories: flat repositories: the update's own first, the base last.
        stage: an empty folder that everybody may walk through, for the mounts.

    Returns:
        None where none can serve: apt could not install the set, or it has or asks for a package
        that the update makes.
    """
    (source,) = control_paragraphs(read_text(dsc))
    relations = _relations(source, BUILD_DEPENDS)
    status = run(["tar", "--occurrence=1", "-xOf", tarball, "./var/lib/dpkg/status"])
    if status.exit_code != 0:
        return None
    make = partial(_in_chroot, repositories[-1], builder, stage)
    layer = _layer(tarball, status.output, relations, repositories, make)
    if layer and any(field.startswith("Build-Conflicts") for field in source):
        return replace(layer, complete=False)
    return layer


def for_test(relations: Sequence[str], root: Path, repositories: Sequence[Path]) -> Layer | None:
    """The layer of a test in a testbed, as `for_build` has it.

    Parameters:
        relations: what autopkgtest installs for the test.
        root: the testbed's root directory; layers are kept beside it.
    """
    status = read_text(root / "var/lib/dpkg/status")
    make = partial(_in_overlay, root, repositories[-1])
    return _layer(root, status, relations, repositories, make)


def _layer(
    system: Path,
    status: str,
    relations: Sequence[str],
    repositories: Sequence[Path],
    make: Callable[[Path, Path], list[str]],
) -> Layer | None:
    """The layer over a system with this dpkg status.

    `make` gives the command that makes it, from another layer or the system, in a folder.
    """
    base = repositories[-1]
    own = [package for path in repositories[:-1] for package in apt_setup.packages(path)]
    depends = {
        package["Package"]: _relations(package, ("Pre-Depends", "Depends")) for package in own
    }
    packages = _closure(status, external(relations, depends), base)
    provided = {_name(part) for package in own for part in _relations(package, ("Provides",))}
    if packages is None or _mentioned(status, packages, base) & (depends.keys() | provided):
        return None
    stat = system.stat()
    made_by = [code_hash(apt_setup), _MAKE.read_text(), _INSTALL.read_text()]
    over = data_hash([system.name, stat.st_ino, stat.st_mtime_ns, made_by])[:8]
    folder = system.with_name(f"layer-{over}-{data_hash(packages)}")
    with folder.with_suffix(".lock").open("w") as lock:
        wait_for(lock)
        if not folder.is_dir():
            scratch = Path(tempfile.mkdtemp(dir=system.parent, prefix=".making-"))
            try:
                _write_setup(scratch, packages, base)
                lists = system.parent.glob(f"layer-{over}-*/{_PACKAGES}")
                command = make(_largest_within(packages, lists) or system, scratch)
                done = run(command, log=scratch / "log", timeout=_MAKE_SECONDS)
                if done.exit_code != 0:
                    return None
                scratch.chmod(0o755)
                scratch.rename(folder)
            finally:
                chroot.remove(scratch)
        os.utime(folder)
    return Layer(system, folder, not depends.keys() & map(_name, relations))


def _closure(status: str, relations: Sequence[str], base: Path) -> list[str] | None:
    """What a system with this dpkg status has to install of a flat repository, a line for each.

    A line has the package, its version and its sha256. None where a relation cannot be met: the
    build or test tells that.
    """
    with tempfile.TemporaryDirectory() as folder:
        apt = PrivateApt(Path(folder), (), architecture(), local=base, status=status)
        apt.update()
        try:
            debs = apt.closure(relations)
        except InputError:
            return None
    return [f"{deb.package}={deb.version} {deb.sha256}" for deb in debs]


def _largest_within(packages: Sequence[str], lists: Iterable[Path]) -> Path | None:
    """The layer whose packages are all among these, and the most; by its list."""
    layers = {path.parent: read_text(path).splitlines() for path in lists}
    within = [layer for layer, has in layers.items() if {*has} <= {*packages}]
    return max(within, key=lambda layer: (len(layers[layer]), layer.name), default=None)


def external(relations: Sequence[str], own: Mapping[str, Sequence[str]]) -> list[str]:
    """The relations that the base has to meet, sorted: an own package stands for what it needs.

    Parameters:
        relations: such as ``debhelper (>= 9~)``, of a control file.
        own: the relations of each of the update's own packages, by name.

    >>> external(["debhelper (>= 9)", "python-b"], {"python-b": ["python-c (>= 1)", "python-b"]})
    ['debhelper (>= 9)', 'python-c (>= 1)']
    """
    needed: set[str] = set()
    seen: set[str] = set()
    left = list(relations)
    while left:
        relation = left.pop()
        name = _name(relation)
        if name not in own:
            needed.add(relation)
        elif name not in seen:
            seen.add(name)
            left += own[name]
    return sorted(needed)


def _relations(paragraph: Deb822, fields: Iterable[str]) -> list[str]:
    parts = (part for field in fields for part in paragraph.get(field, "").split(","))
    return [" ".join(part.split()) for part in parts if part.strip()]


def _name(relation: str) -> str:
    return re.split(r"[\s(:\[<|]", relation.strip(), maxsplit=1)[0]


def _mentioned(status: str, packages: Sequence[str], base: Path) -> set[str]:
    """The packages of the system and of a closure, and those that they depend on."""
    names = {line.partition("=")[0] for line in packages}
    index = read_text(base / "Packages").split("\n\n")
    stanzas = [stanza for stanza in index if stanza[9:].partition("\n")[0] in names]
    fields = re.findall(
        r"(?m)^(?:Package|Pre-Depends|Depends): (.*)", "\n".join([status, *stanzas])
    )
    return {_name(part) for field in fields for part in re.split(r"[,|]", field)}


def _write_setup(scratch: Path, packages: Sequence[str], base: Path) -> None:
    """The layer's list of packages, and what is seen in the system while they are installed."""
    setup = scratch / "setup"
    apt_setup.write_setup(setup, [base], [f"{INSIDE}/0"], inside=f"{INSIDE}/setup")
    words = "".join(f"{line.partition(' ')[0]}\n" for line in packages)
    files = {"words": words, "make": _MAKE.read_text(), "install": _INSTALL.read_text()}
    for name, text in files.items():
        (setup / name).write_text(text)
    (scratch / _PACKAGES).write_text("\n".join(packages))
    set_plain_modes(setup)


def _in_chroot(base: Path, builder: Builder, stage: Path, start: Path, scratch: Path) -> list[str]:
    """The command that makes ``chroot.tar``, as root of the build user's ids."""
    tarball = start / "chroot.tar" if start.is_dir() else start
    binds = {"chroot.tar": tarball.resolve(), "setup": scratch / "setup", "r0": base.resolve()}
    words = ["/bin/sh", str(stage / "setup" / "make"), str(stage), INSIDE]
    output = f"exec 3>{quote(str(scratch / 'chroot.tar'))}\n"
    script = sandbox.script(builder, stage, binds, words, before=output)
    (scratch / "enter").write_text(script)
    return sandbox.command(builder, scratch / "enter")


def _in_overlay(root: Path, base: Path, start: Path, scratch: Path) -> list[str]:
    """The command that makes ``root`` in `scratch`, as root: its files are root's."""
    make = ["/bin/sh", scratch / "setup" / "make", scratch, INSIDE, base.resolve(), root.name]
    make.append("" if start == root else start / "root")
    return as_root(
        namespaces.command(
            [str(word) for word in make], network=False, processes=False, end_with_caller=True
        )
    )
