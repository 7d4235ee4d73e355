"""The ceiling of debian/control and debian/rules: debhelper, dh-python, dpkg and Policy."""

from __future__ import annotations

import re
from pathlib import Path

from debian.deb822 import Deb822

from backport.check import finding, tables
from backport.check.ceiling import Ceiling
from backport.check.tables import Entry
from backport.source import relations
from backport.source.relations import Relation
from backport.source.text import control_paragraphs, read_text

_BUILD = ("Build-Depends", "Build-Depends-Indep", "Build-Depends-Arch")
# The binary packages that have the version of a tool.
_PACKAGES = {
    "debhelper": "debhelper",
    "dh-python": "dh-python",
    **dict.fromkeys(("dpkg", "dpkg-dev", "libdpkg-perl"), "dpkg"),
    **dict.fromkeys(("apt", "apt-utils", "libapt-pkg-dev"), "apt"),
    **dict.fromkeys(("systemd", "libsystemd-dev"), "systemd"),
    **dict.fromkeys(("python", "python-all", "python-dev", "python-all-dev"), "python2"),
    **dict.fromkeys(("python3", "python3-all", "python3-dev", "python3-all-dev"), "python3"),
    "init-system-helpers": "init-system-helpers",
}
_SUBSTVAR = re.compile(r"\$\{([A-Za-z0-9][-:A-Za-z0-9]*)\}")
_TARGET = re.compile(r"^((?:override|execute_before|execute_after)_)(dh_\w+?)(?:-arch|-indep)?\s*:")
_COMMAND = re.compile(r"(?<![\w/.-])(dh|dh_[a-z0-9_]+)(?![\w-])([^;&|]*)")
_WITH = re.compile(r"--with(?:=|\s+)([\w,.-]+)")
# Configuration files of debhelper in which it makes substitutions (debhelper(7)).
_SUBSTITUTED = (
    "install",
    "docs",
    "dirs",
    "links",
    "manpages",
    "examples",
    "clean",
    "not-installed",
)


def check(debian: Path, ceiling: Ceiling) -> None:
    """Compare a source package's debian/ with the ceiling; the findings are in `ceiling`."""
    control = debian / "control"
    try:
        paragraphs = control_paragraphs(read_text(control))
        if not paragraphs or "Source" not in paragraphs[0]:
            raise ValueError("it does not begin with a field Source")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        _unreadable(ceiling, "debian/control", error)
    else:
        _check_control(paragraphs, ceiling)
        _check_level(debian, paragraphs[0], ceiling)
    _check_rules(debian / "rules", ceiling)
    _check_files(debian, ceiling)


def _unreadable(ceiling: Ceiling, place: str, error: Exception) -> None:
    ceiling.findings.append(
        finding.make("not-parsed", "error", place, f"it cannot be read: {error}", "mend the file")
    )


def _check_control(paragraphs: list[Deb822], ceiling: Ceiling) -> None:
    source, dpkg = paragraphs[0], tables.load("dpkg")
    for kind, paragraph in zip(
        ["source-field"] + ["binary-field"] * len(paragraphs), paragraphs, strict=False
    ):
        where = f"debian/control, {paragraph.get('Package') or 'Source'}"
        for field in paragraph:
            if (entry := dpkg[kind].find(field)) is not None:
                # dpkg copies or drops a field that it does not know; only profiles change what
                # is built.
                severe = "error" if field == "Build-Profiles" else "warning"
                ceiling.uses(
                    "newer-dpkg-field", entry, where, f"the field {field}",
                    advice="leave it out in this series", severity=severe,  # type: ignore[arg-type]
                )  # fmt: skip
        for name in dict.fromkeys(_SUBSTVAR.findall(" ".join(paragraph.values()))):
            if (entry := dpkg["substvar"].find(name)) is not None:
                ceiling.uses("newer-substvar", entry, where, f"${{{name}}}")
    for field in (*_BUILD, "Pre-Depends"):
        for paragraph in paragraphs:
            for group in relations.groups(paragraph.get(field, "")):
                where = f"debian/control, {paragraph.get('Package') or 'Source'}, {field}"
                _check_group(group, where, ceiling)
    version = source.get("Standards-Version", "").strip()
    if version and "policy" in ceiling.toolchain:
        entry = Entry(version, "policy", version, "Debian Policy, upgrading checklist")
        ceiling.uses(
            "newer-policy", entry, "debian/control, Source", f"Standards-Version {version}",
            advice="read the upgrading checklist between the two", severity="info",
        )  # fmt: skip


def _check_group(group: list[Relation], where: str, ceiling: Ceiling) -> None:
    """A group of alternatives is met if one of them is; only tools' packages are judged."""
    faults = []
    for part in group:
        entry = _needs(part)
        if entry is None or ceiling.has(entry.tool, entry.since):
            return
        faults.append(entry)
    for entry in faults[:1]:
        rule = "newer-build-dependency"
        if entry.name.startswith(("dh-sequence-", "debhelper-compat")):
            rule = "newer-debhelper-sequence"
        ceiling.uses(rule, entry, where, f"the relation {entry.name}")


def _needs(part: Relation) -> Entry | None:
    """What a relation asks of a tool; None if that is not known to be above any version."""
    debhelper = tables.load("debhelper")
    entry = debhelper["dh-python-package"].find(part.name) or debhelper["relation"].find(part.name)
    if entry is not None:
        return Entry(part.name, entry.tool, entry.since, entry.source)
    tool = _PACKAGES.get(part.name)
    if tool is None or part.operator not in (">=", ">>", "="):
        return None
    return Entry(str(part), tool, part.version, "debian/control")


def _check_level(debian: Path, source: Deb822, ceiling: Ceiling) -> None:
    levels = []
    compat = debian / "compat"
    if compat.is_file():
        levels.append(("debian/compat", compat.read_text("utf-8", "replace").strip()))
    for field in _BUILD:
        for group in relations.groups(source.get(field, "")):
            for part in group:
                if part.name == "debhelper-compat" and part.operator:
                    levels.append((f"debian/control, {field}", part.version))
    if "X-DH-Compat" in source:
        levels.append(("debian/control, X-DH-Compat", source["X-DH-Compat"].strip()))
    for place, level in levels:
        entry = tables.load("debhelper")["compat"].find(level)
        advice = "write a level that the series has, and what it does not do into debian/rules"
        if entry is None:
            what = f"debhelper's compatibility level {level or '(none)'}"
            ceiling.never("newer-debhelper-level", place, what, "debhelper", advice)
        else:
            what = f"debhelper's compatibility level {level}"
            ceiling.uses("newer-debhelper-level", entry, place, what, advice=advice)


def _check_rules(rules: Path, ceiling: Ceiling) -> None:
    try:
        lines = logical_lines(rules.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        _unreadable(ceiling, "debian/rules", error)
        return
    debhelper = tables.load("debhelper")
    for number, line in lines:
        place = f"debian/rules:{number}"
        if match := _TARGET.match(line):
            if (entry := debhelper["target"].find(match[1])) is not None:
                what = f"a target {match[1]}…"
                ceiling.uses("newer-debhelper-command", entry, place, what)
            _check_command(match[2], "", place, ceiling)
        for command, rest in _COMMAND.findall(line if line.startswith("\t") else ""):
            _check_command(command, rest, place, ceiling)
        for option, entry in debhelper["dh-python-option"].entries.items():
            if re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", line):
                ceiling.uses("newer-debhelper-command", entry, place, option)
        for name, entry in tables.load("dpkg")["makefile"].entries.items():
            if re.match(rf"\s*-?include\s+/usr/share/dpkg/{re.escape(name)}\b", line):
                ceiling.uses("newer-dpkg-field", entry, place, f"/usr/share/dpkg/{name}")


def _check_command(command: str, rest: str, place: str, ceiling: Ceiling) -> None:
    debhelper = tables.load("debhelper")
    if (entry := debhelper["command"].find(command)) is not None:
        ceiling.uses("newer-debhelper-command", entry, place, command)
    for option, entry in debhelper["option"].entries.items():
        program, _, word = option.partition(" ")
        fits = command == program or (program.endswith("*") and command.startswith(program[:-1]))
        words = rest.replace("--buildsystem ", "--buildsystem=").split()
        if fits and word in words:
            ceiling.uses("newer-debhelper-command", entry, place, f"{command} {word}")
    for names in _WITH.findall(rest) if command == "dh" else ():
        for name in names.split(","):
            if (entry := debhelper["sequence"].find(name)) is not None:
                what = f"dh --with {name}"
                ceiling.uses("newer-debhelper-sequence", entry, place, what)


def logical_lines(text: str) -> list[tuple[int, str]]:
    """The lines of a makefile or shell script with their numbers, continued ones joined.

    What stands behind a ``#`` that begins a word is left out.

    >>> logical_lines("a: b \\\\\\n c # d\\n")
    [(1, 'a: b  c ')]
    """
    found: list[tuple[int, str]] = []
    start, held = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        bare = re.sub(r"(?:^|(?<=\s))#.*", "", line)
        if bare.endswith("\\"):
            held += bare[:-1]
            continue
        found.append((start, held + bare))
        start, held = 0, ""
    return [*found, (start, held)] if held else found


def _check_files(debian: Path, ceiling: Ceiling) -> None:
    debhelper = tables.load("debhelper")
    for path in sorted(debian.iterdir() if debian.is_dir() else ()):
        if not path.is_file():
            continue
        place = f"debian/{path.name}"
        for name, entry in debhelper["file"].entries.items():
            if path.name == name or path.name.endswith(f".{name}"):
                ceiling.uses("newer-debhelper-command", entry, place, f"a file of the kind {name}")
        kind = path.name.rpartition(".")[2]
        text = path.read_text("utf-8", "replace") if kind in (*_SUBSTITUTED, "conffiles") else ""
        if kind == "conffiles" and re.search(r"(?m)^remove-on-upgrade\s", text):
            entry = tables.load("dpkg")["conffiles"].entries["remove-on-upgrade"]
            ceiling.uses("newer-dpkg-field", entry, place, "remove-on-upgrade")
        # Who may be executed makes its own substitutions, such as dh-exec's.
        elif "${" in text and kind != "conffiles" and not path.stat().st_mode & 0o100:
            (entry,) = debhelper["substitution"].entries.values()
            ceiling.uses("newer-debhelper-command", entry, place, entry.name)
