"""The ceiling of what a source package and its binary packages hold: units, scripts, Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from debian.deb822 import Deb822

from backport.check import binaries, finding, python_code, scripts, tables, units
from backport.check.ceiling import Ceiling
from backport.check.python_code import Use
from backport.source import relations

_PYTHON2_FOLDER = re.compile(r"usr/(?:lib/python2(?:\.\d+)?|share/pyshared)/")
_PYTHON3_FOLDER = re.compile(r"usr/lib/python3(?:\.\d+)?/")
# Packages of Ubuntu that bring a module of Python 3 to Python 2.
_PYTHON2_PACKAGES = {
    "enum": "python-enum34",
    "ipaddress": "python-ipaddress",
    "configparser": "python-configparser",
    "pathlib": "python-pathlib",
    "typing": "python-typing",
    "concurrent": "python-concurrent.futures",
    "lzma": "python-lzma",
}
# Examples and documentation are for reading; nobody compiles or runs them.
_DOCUMENTATION = re.compile(r"usr/share/doc/")
_TESTS = re.compile(r"(?:^|/)(?:tests?|testing)(?:/|$)|(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")


def check_tree(tree: Path, ceiling: Ceiling) -> frozenset[str]:
    """Compare debian/ of an unpacked source package: what the packagers wrote themselves.

    Returns the texts of the units that it has, which need not be compared again in a package.
    """
    debian = tree / "debian"
    told = set()
    for path in sorted(debian.rglob("*") if debian.is_dir() else ()):
        if not path.is_file() or path.is_symlink() or path.stat().st_size > 2_000_000:
            continue
        text = path.read_text("utf-8", "replace")
        place = str(path.relative_to(tree))
        if path.name.endswith(units.SUFFIXES):
            units.check(text, place, ceiling)
            told.add(text)
            continue
        first = text.partition("\n")[0]
        kind = path.name.rpartition(".")[2]
        own = path.parent == debian and kind in scripts.MAINTAINER
        grammar = python_code.grammar(first)
        if grammar:
            check_python(text, place, grammar, ceiling, own={path.stem})
        elif own or re.match(r"#!\s*\S*(?:/|env )(?:ba|da)?sh\b", first):
            scripts.check(text, place, ceiling, maintscript=kind == "maintscript")
    return frozenset(told)


def check_debs(
    debs: Iterable[binaries.Binary], ceiling: Ceiling, told: frozenset[str] = frozenset()
) -> None:
    """Compare the binary packages: how they are packed, their units and their Python code.

    Parameters:
        told: the texts of units that need not be compared again.
    """
    for binary in debs:
        where = binary.name
        for name in binary.members:
            if name == "debian-binary":
                continue
            entry = tables.load("dpkg")["deb-compression"].find(name)
            if entry is None:
                advice = "build with -- -Zxz in dh_builddeb"
                ceiling.never(
                    "newer-compression", where, f"{binary.deb.name}'s member {name}", "dpkg", advice
                )
            else:
                what = f"the package's member {name}"
                ceiling.uses("newer-compression", entry, where, what)
        own = {part for file in binary.files for part in _module_names(file.path)}
        for file in binary.files:
            if file.content.decode("utf-8", "replace") not in told:
                _check_file(file, binary.control, own, ceiling)


def check_dsc(dsc: Path, names: Iterable[str], ceiling: Ceiling) -> None:
    """Compare the compression of a source package's tarballs, by their names."""
    table = tables.load("dpkg")["source-compression"]
    for name in names:
        if (match := re.search(r"\.tar\.(\w+)$", name)) is None:
            continue
        entry = table.find(match[1])
        kind = "upstream's tarball" if ".orig" in name else "the packaging"
        what = f"the compression {match[1]} of {kind}"
        if entry is None:
            ceiling.never(
                "newer-compression", dsc.name, what, "dpkg", "pack it again, with xz or gz"
            )
        else:
            ceiling.uses("newer-compression", entry, dsc.name, what)


def _check_file(one: binaries.Member, package: Deb822, own: set[str], ceiling: Ceiling) -> None:
    place = f"{package['Package']}: {one.path}"
    if units.INSTALLED.match(one.path):
        units.check(one.content.decode("utf-8", "replace"), place, ceiling)
        return
    if _DOCUMENTATION.match(one.path):
        return
    grammar = ""
    if one.path.endswith(".py"):
        if _PYTHON2_FOLDER.match(one.path):
            grammar = "python2"
        elif _PYTHON3_FOLDER.match(one.path) or "python3" in _depends(package):
            grammar = "python3"
    elif one.mode & 0o111 and one.content.startswith(b"#!"):
        grammar = python_code.grammar(one.content.partition(b"\n")[0].decode("utf-8", "replace"))
    if grammar:
        text = one.content.decode("utf-8", "replace")
        check_python(text, place, grammar, ceiling, own=own, depends=_depends(package))


def check_python(
    text: str,
    place: str,
    grammar: str,
    ceiling: Ceiling,
    *,
    own: Iterable[str] = (),
    depends: Iterable[str] = (),
) -> None:
    """Compare one Python file with the ceiling.

    Parameters:
        grammar: ``python2`` or ``python3``.
        own: names of modules that come with the file, which are not the standard library's.
        depends: packages that are there with it; one may bring a module to Python 2.
    """
    try:
        found = python_code.uses(text)
    except (SyntaxError, ValueError) as error:
        if grammar == "python3":
            line = getattr(error, "lineno", None) or 0
            ceiling.findings.append(
                finding.make(
                    "not-parsed",
                    "warning",
                    f"{place}:{line}",
                    f"this Python cannot read it: {getattr(error, 'msg', error)}",
                    "look whether the series' Python can",
                )
            )
            return
        found = python_code.tokens(text)
    mine, brought = set(own), set(depends)
    for use in found:
        if use.kind == "module" and use.module in mine:
            continue
        # All of it came with 3.0 or later, which is above every Python 2.
        if grammar == "python2" and not _missing_in_python2(use, brought):
            continue
        _tell(use, place, grammar, ceiling)


def _tell(use: Use, place: str, grammar: str, ceiling: Ceiling) -> None:
    rule = "newer-python-syntax" if use.kind == "syntax" else "newer-python-module"
    # What only the package's own tests need is not run on the user's machine.
    is_test = bool(_TESTS.search(place)) and use.kind == "module"
    ceiling.uses(
        rule,
        use.entry,
        f"{place}:{use.line}",
        use.what,
        severity="warning" if is_test else "error",
        tool=grammar,
    )


def _missing_in_python2(use: Use, brought: set[str]) -> bool:
    return not use.python2 and _PYTHON2_PACKAGES.get(use.module) not in brought


def _module_names(path: str) -> list[str]:
    """The names by which a package's own files can be imported, folders included."""
    if not path.endswith(".py"):
        return []
    parts = path.split("/")
    return [*parts[:-1], parts[-1].removesuffix(".py")]


def _depends(package: Deb822) -> set[str]:
    fields = (package.get(field, "") for field in ("Depends", "Pre-Depends", "Recommends"))
    return {one.name for field in fields for group in relations.groups(field) for one in group}
