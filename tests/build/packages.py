"""Tiny packages: .deb files, flat repositories of them, and sources that build in a second."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.source_builder import PackageSpec, build_dsc, write_files

CONTROL = """\
Source: {name}
Section: misc
Priority: optional
Maintainer: Nobody <nobody@example.org>
Build-Depends: {build_depends}
Standards-Version: 3.9.8

Package: {name}
Architecture: all
Description: a package of the tests
 It does nothing.
"""
# No debhelper: nothing has to be installed before the build.
RULES = """\
#!/usr/bin/make -f
build build-arch build-indep:
{commands}
clean binary-arch:
binary binary-indep: build
	mkdir -p debian/tmp/DEBIAN
	dpkg-gencontrol
	dpkg-deb --root-owner-group --build debian/tmp ..
.PHONY: build build-arch build-indep clean binary binary-arch binary-indep
"""


def make_deb(
    folder: Path,
    name: str,
    version: str = "1.0",
    depends: str = "",
    *,
    files: Mapping[str, str] | None = None,
    fields: str = "",
) -> Path:
    """A package in `folder`.

    Parameters:
        files: the texts of its files; a name that ends in ``!`` is executable. Those below
            DEBIAN are the maintainer scripts.
        fields: further lines of its control file.
    """
    tree = folder / f".{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    write_files(tree, files or {})
    fields += f"Depends: {depends}\n" if depends else ""
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
        f"Maintainer: Nobody <nobody@example.org>\n{fields}Description: a package of the tests\n"
    )
    deb = folder / f"{name}_{version.partition(':')[2] or version}_all.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(deb)]
    # The same package is the same file, whenever it is made.
    epoch = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    subprocess.run(command, check=True, capture_output=True, env=epoch)
    return deb


def make_repository(folder: Path, packages: Mapping[str, str]) -> Path:
    """A flat repository with packages of these names and versions."""
    folder.mkdir(parents=True)
    for name, version in packages.items():
        make_deb(folder, name, version)
    return index(folder)


def index(folder: Path) -> Path:
    """Make a folder with .deb files a flat repository."""
    packages = subprocess.run(
        ["apt-ftparchive", "packages", "."], cwd=folder, check=True, capture_output=True
    ).stdout
    (folder / "Packages").write_bytes(packages)
    return folder


def make_source(
    folder: Path,
    name: str = "tiny",
    *,
    commands: str = "true",
    build_depends: str = "fakeroot",
    tests: Mapping[str, str] | None = None,
) -> Path:
    """A native source package whose build runs `commands`, one a line; its .dsc.

    `tests` are files of debian/tests.
    """
    lines = "\n".join(f"\t{line}" for line in commands.splitlines())
    files = {
        "control": CONTROL.format(name=name, build_depends=build_depends),
        "rules!": RULES.format(commands=lines),
    }
    for file, text in (tests or {}).items():
        files[f"tests/{file}{'' if file == 'control' else '!'}"] = text
    return build_dsc(PackageSpec(name, "1.0", {}, files, format="3.0 (native)"), folder)
