"""Tiny packages: .deb files, flat repositories of them, and sources that build in a second."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.source_builder import write_files

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
CHANGELOG = """\
{name} (1.0) xenial; urgency=medium

  * First.

 -- Nobody <nobody@example.org>  Thu, 01 Jun 2017 12:00:00 +0000
"""


def make_deb(
    folder: Path,
    name: str,
    version: str,
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
    deb = folder / f"{name}_{version}_all.deb"
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
    tree = folder / f"{name}-1.0"
    debian = tree / "debian"
    (debian / "source").mkdir(parents=True)
    lines = "\n".join(f"\t{line}" for line in commands.splitlines())
    files = {
        "control": CONTROL.format(name=name, build_depends=build_depends),
        "rules": RULES.format(commands=lines),
        "changelog": CHANGELOG.format(name=name),
        "source/format": "3.0 (native)\n",
        **{f"tests/{file}": text for file, text in (tests or {}).items()},
    }
    for file, text in files.items():
        (debian / file).parent.mkdir(exist_ok=True)
        (debian / file).write_text(text)
        if file == "rules" or (file.startswith("tests/") and file != "tests/control"):
            (debian / file).chmod(0o755)
    subprocess.run(
        ["dpkg-source", "-b", tree.name],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return folder / f"{name}_1.0.dsc"
