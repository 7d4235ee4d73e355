"""What a source package and its binary packages use, held against the ceiling of a series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from debian.deb822 import Deb822

from backport.check import finding, python_code
from backport.check.binaries import Binary, PackagedFile
from backport.check.ceiling import Ceiling, Entry, entries
from backport.check.lines import directives, logical_lines
from backport.recipe.model import Tool
from backport.source import relations
from backport.source.relations import Relation
from backport.source.text import control_paragraphs, read_text

# Where a package has its units, and files with additions to units.
UNIT = re.compile(r"(?:usr/)?lib/systemd/(?:system|user)/[^/]+(?:\.d/[^/]+\.conf)?$")
# The names that a maintainer script has in debian/, alone or behind "PACKAGE.".
MAINTAINER = ("preinst", "postinst", "prerm", "postrm", "config", "maintscript")
_UNITS = (".service", ".socket", ".timer", ".path", ".mount", ".automount", ".slice", ".target")
# The binary packages that have the version of a tool.
_PACKAGES: dict[str, Tool] = {
    "debhelper": "debhelper",
    "dh-python": "dh-python",
    **dict.fromkeys(("dpkg", "dpkg-dev", "libdpkg-perl"), "dpkg"),
    **dict.fromkeys(("apt", "apt-utils", "libapt-pkg-dev"), "apt"),
    **dict.fromkeys(("systemd", "libsystemd-dev"), "systemd"),
    **dict.fromkeys(("python", "python-all", "python-dev", "python-all-dev"), "python2"),
    **dict.fromkeys(("python3", "python3-all", "python3-dev", "python3-all-dev"), "python3"),
    "init-system-helpers": "init-system-helpers",
}
# Lists in which debhelper makes substitutions (debhelper(7)).
_LISTS = (
    "install", "docs", "dirs", "links", "manpages", "examples", "clean", "not-installed",
)  # fmt: skip
_PYTHON2_FOLDER = re.compile(r"usr/(?:lib/python2(?:\.\d+)?|share/pyshared)/")
_PYTHON3_FOLDER = re.compile(r"usr/lib/python3(?:\.\d+)?/")
_SHELL = re.compile(r"#!\s*\S*(?:/|env )(?:ba|da)?sh\b")
_LARGEST = 2_000_000


def check_tree(tree: Path, ceiling: Ceiling) -> None:
    """Compare debian/ of an unpacked source package: what the packagers wrote themselves."""
    debian = tree / "debian"
    try:
        paragraphs = control_paragraphs(read_text(debian / "control"))
        if not paragraphs or "Source" not in paragraphs[0]:
            raise ValueError("it does not begin with a field Source")
        for paragraph in paragraphs:
            _check_relations(paragraph, ceiling)
        _check_policy(paragraphs[0], ceiling)
        read_text(debian / "rules")
    except (OSError, ValueError) as error:
        why = f"it cannot be read: {error}"
        place = "debian/control or debian/rules"
        ceiling.findings.append(finding.make("not-parsed", "error", place, why, "mend the file"))
    for path, text in _texts(debian):
        place = str(path.relative_to(tree))
        if path.parent == debian:
            ceiling.check("name", place, [(0, path.name)])
        if path == debian / "compat":
            ceiling.uses(_level(text), place)
        if where := _kind(path, debian, text):
            ceiling.check(where, place, _lines(path, where, text))
        elif language := python_code.grammar(text.partition("\n")[0]):
            python_code.check(text, place, language, ceiling, own={path.stem})


def texts(tree: Path) -> frozenset[str]:
    """The texts below debian/, which need not be compared again in a package."""
    return frozenset(text for _, text in _texts(tree / "debian"))


def check_debs(debs: Iterable[Binary], ceiling: Ceiling, told: frozenset[str]) -> None:
    """Compare the binary packages: how they are packed, their units and their Python code.

    Parameters:
        told: the texts of files that need not be compared.
    """
    for deb in debs:
        ceiling.check("archive", deb.name, ((0, name) for name in deb.members))
        # What a package's own files can be imported by, folders included.
        modules = [one.path[:-3] for one in deb.files if one.path.endswith(".py")]
        own = {part for path in modules for part in path.split("/")}
        depends = _depends(deb.control)
        for file in deb.files:
            place, text = f"{deb.name}: {file.path}", file.content.decode("utf-8", "replace")
            if text in told:
                continue
            if UNIT.match(file.path):
                ceiling.check("unit", place, _of_unit(text))
            elif language := _language(file, text, depends):
                python_code.check(text, place, language, ceiling, own=own, depends=depends)


def _texts(debian: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(debian.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
            yield path, path.read_text("utf-8", "replace")


def _kind(path: Path, debian: Path, text: str) -> str:
    """Which tables are about a file of debian/; "" for none."""
    kind = path.name.rpartition(".")[2]
    if path.name.endswith(_UNITS):
        return "unit"
    if path.parent == debian:
        if path.name in ("control", "rules"):
            return path.name
        if kind == "conffiles":
            return "conffiles"
        # Who may be executed makes its own substitutions, such as dh-exec's.
        if kind in _LISTS and not path.stat().st_mode & 0o100:
            return "list"
    own = path.parent == debian and kind in MAINTAINER
    language = python_code.grammar(text.partition("\n")[0])
    return "script" if (own or _SHELL.match(text)) and not language else ""


def _lines(path: Path, where: str, text: str) -> Iterable[tuple[int, str]]:
    if where == "unit":
        return _of_unit(text)
    if where not in ("rules", "script"):
        return enumerate(text.splitlines(), start=1)
    # The lines of a maintscript are what dpkg-maintscript-helper is called with (dh_installdeb(1)).
    called = "dpkg-maintscript-helper " if path.name.endswith("maintscript") else ""
    return ((number, called + line) for number, line in logical_lines(text))


def _of_unit(text: str) -> Iterator[tuple[int, str]]:
    for number, name, value in directives(text):
        yield number, f"{name}={value.lstrip('-@')}"


def _check_relations(paragraph: Deb822, ceiling: Ceiling) -> None:
    """A group of alternatives is met if one of them is; only tools' packages are judged."""
    for field in (*relations.BUILD_DEPENDS, "Pre-Depends"):
        place = f"debian/control, {field}"
        for group in relations.groups(paragraph.get(field, "")):
            needs = [need for part in group if (need := _need(part)) is not None]
            if len(needs) == len(group) and not any(ceiling.has(n.tool, n.since) for n in needs):
                ceiling.uses(needs[0], place)
            for part in group:
                if part.name == "debhelper-compat" and part.operator:
                    ceiling.uses(_level(part.version), place)


def _need(part: Relation) -> Entry | None:
    """What a relation asks of a tool; None if that is not known to be above any version."""
    for entry in entries("relation"):
        if entry.form.search(part.name):
            return entry
    tool = _PACKAGES.get(part.name)
    if tool is None or part.operator not in (">=", ">>", "="):
        return None
    what = f"the relation {part}"
    return Entry("newer-build-dependency", what, tool, part.version, "debian/control")


def _level(text: str) -> Entry:
    """A level came with debhelper's version of that number (debhelper(7))."""
    level = text.strip() if text.strip().isdigit() else "999"
    what = f"debhelper's compatibility level {text.strip() or '(none)'}"
    return Entry("newer-debhelper-level", what, "debhelper", level, "debhelper(7)")


def _check_policy(source: Deb822, ceiling: Ceiling) -> None:
    version = source.get("Standards-Version", "").strip()
    if version and "policy" in ceiling.toolchain:
        what, written = f"Standards-Version {version}", "Debian Policy, upgrading checklist"
        entry = Entry("newer-policy", what, "policy", version, written, "info")
        ceiling.uses(entry, "debian/control, Standards-Version")


def _language(
    file: PackagedFile, text: str, depends: set[str]
) -> Literal["python2", "python3", ""]:
    """The Python that runs a file of a package: ``python2``, ``python3`` or "" for none."""
    if file.path.startswith("usr/share/doc/"):  # examples are for reading
        return ""
    if file.path.endswith(".py"):
        if _PYTHON2_FOLDER.match(file.path):
            return "python2"
        return "python3" if _PYTHON3_FOLDER.match(file.path) or "python3" in depends else ""
    return python_code.grammar(text.partition("\n")[0]) if file.mode & 0o111 else ""


def _depends(package: Deb822) -> set[str]:
    fields = (package.get(field, "") for field in ("Depends", "Pre-Depends", "Recommends"))
    return {one.name for field in fields for group in relations.groups(field) for one in group}
