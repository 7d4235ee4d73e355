"""The Python 2 modules of the stand-in base: their table, and how they become real packages.

They are pinned in the file that the recipe names, built in one throw-away chroot, and packed as
.deb files, so that builds and tests install and resolve them as they do on Ubuntu.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backport.engine import records
from backport.environments import chroot, localrepo
from backport.errors import InputError, RecipeError, reading
from backport.recipe.model import Upstream
from backport.source import fetch
from backport.source.files import same_file

EPOCH = 1485302400
"""The time stamp of all that is made here: 2017-01-25; any fixed one would do."""

_PACKAGES = "usr/lib/python2.7/dist-packages"
_MAINTAINER = "Backport stand-in base <root@localhost>"
BUILD_NEEDS = ("python2-dev", "python-setuptools", "gcc", "libc6-dev")

_BUILD_SCRIPT = Path(__file__).with_suffix(".sh")


@dataclass(frozen=True)
class Module:
    """A binary package made from a project's published file.

    `version` is the project's, `package_version` the package's where it is not made from that;
    `links` maps a file of the package to what it is replaced by a link to; `series` maps a series
    to the version that it released with, where that is known.
    """

    project: str
    version: str
    file: str
    sha256: str
    architecture: Literal["all", "any"]
    epoch: int = 0
    package_version: str = ""
    depends: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Dummy:
    """A package without content, for a name that the stand-in's suite no longer has."""

    version: str
    depends: tuple[str, ...]
    summary: str
    links: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SuitePackage:
    """A package of the suite that is used as such, and what the series have of it."""

    series: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModuleTable:
    """What the stand-in is made of, as the recipe's file has it: Debian's `suite` and modules.

    `mark` ends the versions of what is made here, `testbed` is what every testbed has besides. A
    table of nothing else is the plain suite.
    """

    mark: str
    suite: str
    testbed: tuple[str, ...] = ()
    module: Mapping[str, Module] = field(default_factory=dict)
    dummy: Mapping[str, Dummy] = field(default_factory=dict)
    own: Mapping[str, SuitePackage] = field(default_factory=dict)
    extra: Mapping[str, Mapping[str, Module]] = field(default_factory=dict)

    def modules(self) -> Iterator[tuple[str, str, Module]]:
        """All modules with their package's name, and the series ("" for all) that had them."""
        for series, modules in {"": self.module, **self.extra}.items():
            yield from ((series, package, module) for package, module in modules.items())

    def controls(self, architecture: str) -> list[dict[str, str]]:
        """The fields of all control files, on a machine of that architecture."""
        made = [self.control(name, module, architecture) for _, name, module in self.modules()]
        return made + [self.control(name, dummy, "all") for name, dummy in self.dummy.items()]

    def control(self, package: str, entry: Module | Dummy, architecture: str) -> dict[str, str]:
        """The fields of one control file, on a machine of that architecture."""
        compiled = isinstance(entry, Module) and entry.architecture == "any"
        # "-1~": above the plain upstream version, which relations name, and below Debian's "-1".
        fields = {
            "Package": package,
            "Version": f"{entry.version}-1~{self.mark}",
            "Architecture": architecture if compiled else "all",
            "Maintainer": _MAINTAINER,
            "Section": "python",
            "Priority": "optional",
        }
        if isinstance(entry, Dummy):
            text = f"stand-in for Ubuntu's {package}: empty\n {entry.summary}."
            depends = ", ".join(entry.depends)
            return {**fields, "Multi-Arch": "allowed", "Depends": depends, "Description": text}
        python = ("python2 (>= 2.7)", "python2 (<< 2.8)") if compiled else ("python2:any",)
        epoch = f"{entry.epoch}:" if entry.epoch else ""
        return {
            **fields,
            "Version": entry.package_version or f"{epoch}{fields['Version']}",
            "Depends": ", ".join((*python, *entry.depends)),
            "Recommends": ", ".join(entry.recommends),
            "Provides": ", ".join(entry.provides),
            "Description": (
                f"stand-in for Ubuntu's {package}\n The Python 2 project {entry.project} "
                f"{entry.version}, repackaged from its published file.\n"
                " For building and testing only."
            ),
        }


PLAIN = ModuleTable("", "bullseye")
"""The stand-in of a recipe that names no file."""


def load_table(path: Path | None) -> ModuleTable:
    """Read the table of a recipe's stand-in; `PLAIN` where it has none.

    Raises:
        RecipeError: it is no TOML, or a key is missing, unknown or of the wrong kind.
    """
    if path is None:
        return PLAIN
    what, advice = "this is no table of a stand-in", "mend it, or update.stand-in"
    with reading(path, what=what, advice=advice, kind=RecipeError):
        data = tomllib.loads(records.read_bytes(path).decode())
        table: ModuleTable = records.decode(ModuleTable, data, "the table")
        return table


def build_modules(
    table: ModuleTable,
    system: Path,
    out: Path,
    architecture: str,
    cache: Path,
    *,
    offline: bool = False,
) -> None:
    """Build every module, extra and dummy of the table.

    Modules and dummies come to ``out``, what only one series had to ``out/SERIES``.

    Parameters:
        table: the modules.
        system: a repository that has the suite's compiler and Python 2.
        out: the folder; it appears by one rename.
        architecture: the machine's Debian architecture.
        cache: the folder of downloads. offline: download nothing.

    Raises:
        StepError: a module does not build; the message names it.
        InputError: a module's file is another one, or does not have what the table says.
        RemoteError: the package index does not answer, or may not be asked.
    """
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".new-") as scratch:
        given, stage, fresh = (Path(scratch) / name for name in ("in", "stage", "modules"))
        fresh.mkdir()
        for _, package, module in table.modules():
            pin = Upstream(module.file, module.sha256, pypi=module.project)
            (given / package).mkdir(parents=True)
            file = fetch.fetch_upstream(pin, cache, offline=offline)
            same_file(given / package / module.file, file)
        settings = f"epoch={EPOCH} packages={_PACKAGES}\n"
        (given / "build.sh").write_text(settings + _BUILD_SCRIPT.read_text())
        chroot.run_in_throwaway(
            system, include=BUILD_NEEDS, given=given, script="build.sh", result=stage
        )
        for series, package, module in table.modules():
            lay_out(stage / package, package, module.scripts, module.links)
            (fresh / series).mkdir(exist_ok=True)
            control = table.control(package, module, architecture)
            localrepo.write_deb(stage / package, control, fresh / series, epoch=EPOCH)
        for package, dummy in table.dummy.items():
            tree = Path(scratch) / "dummy" / package
            tree.mkdir(parents=True)
            for name, target in dummy.links.items():
                link = tree / name.lstrip("/")
                link.parent.mkdir(parents=True)
                link.symlink_to(target)
            localrepo.write_deb(tree, table.control(package, dummy, "all"), fresh, epoch=EPOCH)
        fresh.rename(out)


def lay_out(tree: Path, package: str, scripts: Sequence[str], links: Mapping[str, str]) -> None:
    """Make an installed distribution the content of a binary package.

    Modules and metadata stay; of all else only the named scripts are there, written anew.

    Parameters:
        tree: the package's root.
        package: the binary package's name.
        scripts: the console scripts that the package has.
        links: modules' files that become links, and what each points to; of NAME_t, a template of
            Sphinx's, comes the link NAME.

    Raises:
        InputError: there is not one distribution, or no such script or file.
    """
    home = tree / _PACKAGES
    distributions = [*importlib.metadata.distributions(path=[str(home)])]
    if len(distributions) != 1:
        raise InputError(f"its file has {len(distributions)} distributions", where=package)
    for path in tree.rglob("*"):
        if not path.is_relative_to(home) and not path.is_dir():
            path.unlink()
    declared = distributions[0].entry_points.select(group="console_scripts")
    for script in scripts:
        if script not in declared.names:
            raise InputError(f"its file declares no script {script}", where=package)
        module, function = declared[script].module, declared[script].attr
        path = tree / "usr/bin" / script
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "#!/usr/bin/python2\nimport sys\n"
            f"from {module} import {function}\nsys.exit({function}())\n"
        )
        path.chmod(0o755)
    for file, target in links.items():
        if not (home / file).is_file():
            raise InputError(f"its file has no {file}", where=package)
        (home / file).unlink()
        link = home / file.removesuffix("_t")
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    # dh_python2 turns a requirement into a package's name by these notes; by itself it finds
    # only metadata whose name ends in egg-info, which that of wheels does not.
    note = tree / "usr/share/python/dist" / package
    note.parent.mkdir(parents=True)
    note.write_text(f"{distributions[0].metadata['Name']} {package}\n")
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
