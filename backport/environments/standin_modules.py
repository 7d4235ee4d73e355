"""The Python 2 modules of the stand-in base: their table, and how they become real packages.

They are pinned in the file that the recipe names, built in one throw-away chroot, and packed as
.deb files, so that builds and tests install and resolve them as they do on Ubuntu.
"""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backport.environments import chroot, localrepo, pypi
from backport.errors import InputError, RecipeError, RemoteError
from backport.recipe.toml_table import Table
from backport.source import fetch

EPOCH = 1485302400
"""The time stamp of all that is made here: 2017-01-25; any fixed one would do."""

_PACKAGES = "usr/lib/python2.7/dist-packages"
_MAINTAINER = "Backport stand-in base <root@localhost>"
BUILD_NEEDS = ("python2-dev", "python-setuptools", "gcc", "libc6-dev")

# What the chroot runs: pip's own way to run a setup.py (setuptools imported first, so that
# metadata is an .egg-info folder), then byte code with the paths and times of the installed files.
_BUILD_SCRIPT = r"""
set -eu
export LC_ALL=C.UTF-8 HOME=/nonexistent PYTHONHASHSEED=0 SOURCE_DATE_EPOCH={epoch}
mkdir -p /build/stage
for source in /build/in/source/*; do
    name=${{source##*/}}
    cd "$source"
    if ! python2 -B -c 'import sys, setuptools; sys.argv[0] = __file__ = "setup.py"
text = open(__file__).read().replace("\r\n", "\n")
exec(compile(text, __file__, "exec"))' install --root "/build/stage/$name" \
        --install-layout=deb --single-version-externally-managed --no-compile >/build/log 2>&1
    then
        cat /build/log
        echo "cannot build: $name: $(tail -n 1 /build/log)"
        exit 1
    fi
done
cp -a /build/in/wheel/. /build/stage/
find /build/stage -exec touch -h -d @{epoch} '{{}}' +
for tree in /build/stage/*; do
    # Some projects carry files for other versions of Python; those have no byte code then.
    python2 -m compileall -q -d /{packages} "$tree/{packages}" >/dev/null 2>&1 || true
done
find /build/stage -exec touch -h -d @{epoch} '{{}}' +
"""


@dataclass(frozen=True)
class Module:
    """A binary package made from a project's published file.

    `package_version` is the package's, `version` the project's; `links` maps a file of the
    package to what it is replaced by a link to; `series` maps a series to the version that it
    released with, where that is known.
    """

    package: str
    project: str
    version: str
    file: str
    sha256: str
    architecture: str
    package_version: str
    depends: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def is_wheel(self) -> bool:
        """Whether the file is unpacked as it is; any other is built by its setup.py."""
        return self.file.endswith(".whl")


@dataclass(frozen=True)
class Dummy:
    """A package without content, for a name that the stand-in's suite no longer has."""

    package: str
    package_version: str
    depends: tuple[str, ...]
    summary: str
    links: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModuleTable:
    """What the stand-in is made of, by the recipe's file: Debian's `suite` and modules.

    `own` are the suite's packages that are used as such, `testbed` what every testbed has besides,
    `where` the file's name. A table of nothing else is the plain suite.
    """

    suite: str
    modules: tuple[Module, ...] = ()
    dummies: tuple[Dummy, ...] = ()
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    extras: Mapping[str, tuple[Module, ...]] = field(default_factory=dict)
    digest: str = ""
    testbed: tuple[str, ...] = ()
    where: str = ""

    @property
    def everything(self) -> tuple[Module, ...]:
        """The modules, and those that only one series had."""
        return (*self.modules, *(one for some in self.extras.values() for one in some))


PLAIN = ModuleTable("bullseye")
"""The stand-in of a recipe that names no file."""


def load_table(path: Path | None) -> ModuleTable:
    """Read the table of a recipe's stand-in; `PLAIN` where it has none.

    Raises:
        RecipeError: it is no TOML, or a key is missing, unknown or of the wrong kind.
    """
    if path is None:
        return PLAIN
    try:
        data = path.read_bytes()
        table = Table(tomllib.loads(data.decode()), path.name)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"this is no TOML: {error}", where=str(path), advice="mend it, or update.stand-in"
        ) from error
    mark, suite = table.string("mark"), table.string("suite")
    testbed = table.strings("testbed", ())
    modules = tuple(_module(name, entry, mark) for name, entry in table.tables("module"))
    dummies = tuple(_dummy(name, entry, mark) for name, entry in table.tables("dummy"))
    own = {}
    for name, entry in table.tables("own"):
        own[name] = entry.mapping("series")
        entry.done()
    extras = {}
    extra = table.table("extra")
    for series, _ in table.tables("extra"):
        extras[series] = tuple(_module(name, item, mark) for name, item in extra.tables(series))
    table.done()
    digest = hashlib.sha256(data).hexdigest()
    return ModuleTable(suite, modules, dummies, own, extras, digest, testbed, path.name)


def _module(package: str, entry: Table, mark: str) -> Module:
    version, epoch = entry.string("version"), entry.integer("epoch", 0)
    # "-1~": above the plain upstream version, which relations name, and below Debian's "-1".
    marked = f"{epoch}:{version}-1~{mark}" if epoch else f"{version}-1~{mark}"
    module = Module(
        package=package,
        project=entry.string("project"),
        version=version,
        file=entry.string("file"),
        sha256=entry.string("sha256"),
        architecture=entry.string("architecture"),
        package_version=entry.string("package_version", marked),
        depends=entry.strings("depends", ()),
        recommends=entry.strings("recommends", ()),
        provides=entry.strings("provides", ()),
        scripts=entry.strings("scripts", ()),
        links=entry.mapping("links"),
        series=entry.mapping("series"),
        note=entry.string("note", ""),
    )
    entry.done()
    return module


def _dummy(package: str, entry: Table, mark: str) -> Dummy:
    dummy = Dummy(
        package=package,
        package_version=f"{entry.string('version')}-1~{mark}",
        depends=entry.strings("depends"),
        summary=entry.string("summary"),
        links=entry.mapping("links"),
        series=entry.mapping("series"),
    )
    entry.done()
    return dummy


def build_modules(
    table: ModuleTable, files: Mapping[str, Path], system: Path, out: Path, *, architecture: str
) -> None:
    """Build every module, extra and dummy of the table.

    Modules and dummies come to ``out``, what only one series had to ``out/SERIES``.

    Parameters:
        table: the modules.
        files: where the file of each sha256 lies.
        system: a repository that has the suite's compiler and Python 2.
        out: an empty folder.
        architecture: the machine's Debian architecture.

    Raises:
        StepError: a module does not build; the message names it.
        InputError: two packages hold the same file.
    """
    scratch = out / ".build"
    given, stage = scratch / "in", scratch / "stage"
    for name in ("source", "wheel"):
        (given / name).mkdir(parents=True)
    for module in table.everything:
        file = files[module.sha256]
        if module.is_wheel:
            pypi.unpack_wheel(file, given / "wheel" / module.package / _PACKAGES, module.file)
        else:
            pypi.unpack_sdist(file, given / "source" / module.package, module.file)
    (given / "build.sh").write_text(_BUILD_SCRIPT.format(epoch=EPOCH, packages=_PACKAGES))
    chroot.run_in_throwaway(
        system, include=BUILD_NEEDS, given=given, script="build.sh", result=stage
    )
    owners: dict[str, str] = {}
    for module in table.everything:
        tree = stage / module.package
        pypi.lay_out(tree, _PACKAGES, module.package, module.scripts, module.links)
        for path in tree.rglob("*"):
            name = str(path.relative_to(tree))
            if not path.is_dir() and owners.setdefault(name, module.package) != module.package:
                raise InputError(
                    f"{owners[name]} and {module.package} both have the file {name}",
                    where=table.where,
                )
        where = next((out / one for one, some in table.extras.items() if module in some), out)
        where.mkdir(exist_ok=True)
        localrepo.write_deb(tree, control(module, architecture), where, epoch=EPOCH)
    for dummy in table.dummies:
        tree = scratch / "dummy" / dummy.package
        tree.mkdir(parents=True)
        for name, target in dummy.links.items():
            link = tree / name.lstrip("/")
            link.parent.mkdir(parents=True)
            link.symlink_to(target)
        localrepo.write_deb(tree, dummy_control(dummy), out, epoch=EPOCH)
    shutil.rmtree(scratch)


def control(module: Module, architecture: str) -> dict[str, str]:
    """The fields of a module's control file, on a machine of that architecture."""
    own = architecture if module.architecture == "any" else "all"
    depends = ["python2 (>= 2.7)", "python2 (<< 2.8)"] if own != "all" else ["python2:any"]
    return {
        "Package": module.package,
        "Version": module.package_version,
        "Architecture": own,
        "Maintainer": _MAINTAINER,
        "Section": "python",
        "Priority": "optional",
        "Depends": ", ".join([*depends, *module.depends]),
        "Recommends": ", ".join(module.recommends),
        "Provides": ", ".join(module.provides),
        "Description": (
            f"stand-in for Ubuntu's {module.package}\n"
            f" The Python 2 project {module.project} {module.version}, repackaged from its "
            "published file.\n For building and testing only."
        ),
    }


def dummy_control(dummy: Dummy) -> dict[str, str]:
    """The fields of a dummy's control file."""
    return {
        "Package": dummy.package,
        "Version": dummy.package_version,
        "Architecture": "all",
        "Multi-Arch": "allowed",
        "Maintainer": _MAINTAINER,
        "Section": "python",
        "Priority": "optional",
        "Depends": ", ".join(dummy.depends),
        "Description": f"stand-in for Ubuntu's {dummy.package}: empty\n {dummy.summary}.",
    }


def files(table: ModuleTable, cache: Path, *, offline: bool = False) -> dict[str, Path]:
    """The file of each module, by its sha256, from the cache or the package index.

    Raises:
        RemoteError: the index does not answer, or may not be asked. InputError: a file is
            another one.
    """
    return {one.sha256: _published(one, cache, offline) for one in table.everything}


def _published(module: Module, cache: Path, offline: bool) -> Path:
    found = fetch.cached(cache, module.sha256, module.file)
    if found is not None:
        return found
    if offline:
        raise RemoteError(
            f"{module.file} is not in the cache, and the network may not be used",
            where=str(cache),
            advice="run once without --offline",
        )
    place = pypi.resolve(module.project, module.file)
    return fetch.fetch(place, module.sha256, cache, name=module.file)
