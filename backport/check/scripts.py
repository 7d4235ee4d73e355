"""The ceiling of shell scripts: maintainer scripts and tests that call dpkg, systemd and apt."""

from __future__ import annotations

import re

from backport.check import tables
from backport.check.ceiling import Ceiling
from backport.check.packaging import logical_lines
from backport.check.tables import Entry

# The names that a maintainer script has in debian/, alone or behind "PACKAGE.".
MAINTAINER = ("preinst", "postinst", "prerm", "postrm", "config", "maintscript")


def check(text: str, place: str, ceiling: Ceiling, *, maintscript: bool = False) -> None:
    """Compare a shell script with the ceiling; the findings are in `ceiling`.

    Parameters:
        place: the script's file, as a finding names it.
        maintscript: it is a debian/PACKAGE.maintscript, whose lines are what
            dpkg-maintscript-helper is called with (dh_installdeb(1)).
    """
    for number, line in logical_lines(text):
        words = f"dpkg-maintscript-helper {line}" if maintscript else line
        for rule, entry in _entries():
            if _calls(words, entry.name):
                ceiling.uses(rule, entry, f"{place}:{number}", entry.name)


def _entries() -> list[tuple[str, Entry]]:
    rule = "newer-maintainer-script"
    found = [
        (rule, entry)
        for file, name in (
            ("dpkg", "script"),
            ("dpkg", "init-system-helpers"),
            ("systemd", "script"),
        )
        for entry in tables.load(file)[name].entries.values()
    ]
    return found + [("newer-apt", one) for one in tables.load("apt")["script"].entries.values()]


def _calls(line: str, words: str) -> bool:
    """Whether one command on the line has these words in this order, the program's name first."""
    parts = [re.escape(word) for word in words.split()]
    pattern = r"(?<![\w-])(?:/usr/bin/|/bin/|/usr/sbin/)?" + r"(?![\w-])[^;&|]*?(?<![\w-])".join(
        parts
    )
    return re.search(pattern + r"(?![\w-])", line) is not None
