"""Unpacked source packages on disk, and what the toolchain ceiling of a series says of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backport.check import packaging, python_code
from backport.check.ceiling import Ceiling
from backport.check.finding import Finding
from backport.recipe.model import Published
from tests.support.source_builder import write_files

CONTROL = """\
Source: small
Section: misc
Priority: optional
Maintainer: Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>
Build-Depends: debhelper (>= 9), dh-python, python-all
Standards-Version: 3.9.8

Package: small
Architecture: all
Depends: ${misc:Depends}, ${python:Depends}
Description: a package of the tests
 It does nothing.
"""
RULES = "#!/usr/bin/make -f\n%:\n\tdh $@ --with python2 --buildsystem=pybuild\n"
CHANGELOG = """\
small (1.0-1ubuntu0.16.04.1) xenial; urgency=medium

  * Wait for the lock. (LP: #1640978)

 -- A Tester <tester@example.org>  Mon, 23 Nov 2026 12:00:00 +0000
"""
# As of xenial; every version is one that somebody has seen.
XENIAL = {
    "debhelper": "9.20160115ubuntu3",
    "dh-python": "2.20151103ubuntu1",
    "dpkg": "1.18.4ubuntu1",
    "init-system-helpers": "1.29",
    "systemd": "229-4ubuntu17",
    "apt": "1.2.24",
    "python2": "2.7.11-1",
    "python3": "3.5.1-3",
    "policy": "3.9.8.0",
}


def toolchain(**other: str) -> dict[str, Published]:
    """The tools of xenial; `other` has other versions, by name with _ for -, "" for unknown."""
    known = XENIAL | {name.replace("_", "-"): version for name, version in other.items()}
    return {name: Published(one, confirmed="a test") for name, one in known.items() if one}


def tree(root: Path, files: Mapping[str, str] | None = None, *, name: str = "tree") -> Path:
    """An unpacked source package; `files` adds to debian/ or replaces what is there."""
    common = {"control": CONTROL, "rules!": RULES, "compat": "9\n", "changelog": CHANGELOG}
    place = root / name
    write_files(place / "debian", {**common, **(files or {})})
    return place


def above(root: Path, files: Mapping[str, str] | None = None, **tools: str) -> list[Finding]:
    """What a source package with these files in debian/ uses that xenial does not have."""
    ceiling = Ceiling("xenial", toolchain(**tools))
    place = tree(root, files)
    packaging.check_tree(place, ceiling)
    return ceiling.findings


def python_above(text: str, grammar: str, **tools: str) -> list[Finding]:
    """What a Python file uses that xenial's Python does not have."""
    ceiling = Ceiling("xenial", toolchain(**tools))
    python_code.check(text, "module.py", grammar, ceiling)
    return ceiling.findings
