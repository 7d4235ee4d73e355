"""Unified diffs as dpkg-source takes them: what is in one, and what it may not do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
# What GNU patch would do, and a quilt series of a source package cannot carry or should not.
_GIT_HEADERS = {
    "rename from ": "renames a file",
    "copy from ": "copies a file",
    "GIT binary patch": "holds a binary file",
    "Binary files ": "holds a binary file",
    "old mode ": "changes a file's mode",
    "new file mode 120000": "makes a symbolic link",
    "deleted file mode 120000": "removes a symbolic link",
}
# What git and diff write above the names of a file, and what it means where no hunk follows.
_HEADING = re.compile(r"(diff) (?:--git |-)|(Index): ")
_WITHOUT_HUNKS = {
    "new file mode ": "makes an empty file, which dpkg-source drops",
    "deleted file mode ": "removes an empty file, and dpkg-source reads hunks alone",
}
# patch(1) takes a date within a day of the epoch, in whatever time zone, for a file's absence.
_EPOCH = re.compile(r"\t(?:1969-12-31|1970-01-01)\b")


class DiffError(ValueError):
    """The text is no unified diff that the toolkit takes; the message says what and where."""


@dataclass(frozen=True)
class FileDiff:
    """What is done to one file; `old` and `new` are the paths as written, without time stamps.

    A file that is not there is ``/dev/null``, also where only the date says so. `start` is the
    first line that the first hunk expects, from 1, or 0; `inserted` is how many lines come in.
    """

    old: str
    new: str
    start: int
    inserted: int

    @property
    def creates(self) -> bool:
        """Whether the file is a new one."""
        return self.old == "/dev/null"

    @property
    def removes(self) -> bool:
        """Whether the file goes."""
        return self.new == "/dev/null"


def parse(text: str) -> tuple[str, tuple[FileDiff, ...]]:
    """The header of a patch and its file diffs.

    Raises:
        DiffError: it is no unified diff, is cut off, or does more than change lines.
    """
    lines = text.split("\n")
    place, header_end = 0, None
    files: list[FileDiff] = []
    heading, trouble = "", ""  # of a file whose names have not come yet
    while place < len(lines):
        line = lines[place]
        for start, deed in _GIT_HEADERS.items():
            if line.startswith(start) and (start != "Binary files " or line.endswith(" differ")):
                raise DiffError(f"line {place + 1} {deed}, which it may not")
        if line.startswith(("--- ", "+++ ", "@@ -")):
            header_end = place if header_end is None else header_end
            file, place = _file(lines, place)
            files.append(file)
            heading = trouble = ""
            continue
        if match := _HEADING.match(line):
            if trouble and (heading, match[1]) != ("Index", "diff"):
                raise DiffError(trouble)
            heading = match[1] or match[2]
            trouble = f"line {place + 1} names a file, and no hunk of it follows"
        elif heading or files:
            for start, deed in _WITHOUT_HUNKS.items():
                if line.startswith(start):
                    trouble = f"line {place + 1} {deed}"
            if line.startswith("Only in "):
                raise DiffError(f"line {place + 1} names a file that the patch does not have")
        place += 1
    if trouble:
        raise DiffError(trouble)
    if header_end is None:
        raise DiffError("it changes nothing: there is no line that begins with ---")
    return "\n".join(lines[:header_end]), tuple(files)


def _file(lines: Sequence[str], place: int) -> tuple[FileDiff, int]:
    head = place
    if lines[head].startswith("@@ -"):
        raise DiffError(f"line {head + 1} begins a hunk without the names of its file")
    names = [line[:4] for line in lines[head : head + 2]]
    if names != ["--- ", "+++ "]:
        raise DiffError(f"line {head + 1} begins a file whose names are not in --- and +++")
    old, new = _path(lines[head], head), _path(lines[head + 1], head + 1)
    place += 2
    hunks: list[tuple[int, int]] = []
    inserted = 0
    while place < len(lines) and (match := _HUNK.match(lines[place])):
        start, removed, added = int(match[1]), int(match[2] or 1), int(match[4] or 1)
        if start and not removed:
            raise DiffError(f"line {place + 1} begins a hunk that shows no line of its place")
        hunks.append((start, added))
        count, place = _hunk(lines, place, removed, added)
        inserted += count
    if not hunks:
        raise DiffError(f"line {place + 1} should begin a hunk with @@")
    first, left = hunks[0]
    if old.partition("/")[2] == new.partition("/")[2]:
        if not first and _EPOCH.search(lines[head]):
            old = "/dev/null"
        elif not left and _EPOCH.search(lines[head + 1]):
            new = "/dev/null"
    return FileDiff(old, new, first, inserted), place


def _path(line: str, place: int) -> str:
    path = line[4:].partition("\t")[0].rstrip("\r")
    if path.startswith('"'):
        raise DiffError(f"line {place + 1} names its file in quotes, which dpkg-source refuses")
    return path if "\t" in line else path.partition(" ")[0]


def _hunk(lines: Sequence[str], place: int, old_left: int, new_left: int) -> tuple[int, int]:
    """How many lines a hunk inserts, and the line behind it."""
    head, inserted = place + 1, 0
    place += 1
    while old_left or new_left:
        # The text's end leaves one empty string behind the last line feed.
        line = lines[place] if place < len(lines) - (not lines[-1]) else None
        if line is None or line[:1] not in {" ", "-", "+", "", "\\"}:
            raise DiffError(f"the hunk that begins in line {head} is shorter than it says")
        old_left -= line[:1] in {" ", "-", ""}
        new_left -= line[:1] in {" ", "+", ""}
        inserted += line.startswith("+")
        place += 1
        if old_left < 0 or new_left < 0:
            raise DiffError(f"the hunk that begins in line {head} has other lines than it says")
    if place < len(lines) and lines[place].startswith("\\"):
        place += 1
    behind = lines[place] if place < len(lines) else ""
    # A removed line is not the signature of git format-patch, nor the next file's name.
    if behind[:1] in {" ", "+", "-"} and not behind.startswith(("--- ", "-- ")):
        raise DiffError(f"the hunk that begins in line {head} has more lines than it says")
    return inserted, place


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends; only a line feed ends a line."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
