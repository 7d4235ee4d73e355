"""Unified diffs: read one, and say of each hunk where a text is not what it expects."""

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
class Hunk:
    """One hunk: the lines that it expects and those that take their place, with their ends.

    `number` counts from 1 in its file, `start` is the first line that it expects, from 1 (for a
    hunk that only adds lines: the line that they come behind, from 0).
    """

    number: int
    start: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def index(self) -> int:
        """Where the expected lines begin, from 0."""
        return self.start - 1 if self.old else self.start


@dataclass(frozen=True)
class FileDiff:
    """The hunks of one file; `old` and `new` are the paths as written, without time stamps.

    A file that is not there is ``/dev/null``, also where only the date says so.
    """

    old: str
    new: str
    hunks: tuple[Hunk, ...]

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
    hunks: list[Hunk] = []
    while place < len(lines) and (match := _HUNK.match(lines[place])):
        start, old_count = int(match[1]), int(match[2] or 1)
        new_count = int(match[4] or 1)
        hunk, place = _hunk(lines, place, len(hunks) + 1, (start, old_count, new_count))
        hunks.append(hunk)
    if not hunks:
        raise DiffError(f"line {place + 1} should begin a hunk with @@")
    if old.partition("/")[2] == new.partition("/")[2]:
        if not hunks[0].start and _EPOCH.search(lines[head]):
            old = "/dev/null"
        elif not hunks[0].new and _EPOCH.search(lines[head + 1]):
            new = "/dev/null"
    return FileDiff(old, new, tuple(hunks)), place


def _path(line: str, place: int) -> str:
    path = line[4:].partition("\t")[0].rstrip("\r")
    if path.startswith('"'):
        raise DiffError(f"line {place + 1} names its file in quotes, which dpkg-source refuses")
    return path if "\t" in line else path.partition(" ")[0]


def _hunk(
    lines: Sequence[str], place: int, number: int, counts: tuple[int, int, int]
) -> tuple[Hunk, int]:
    start, old_left, new_left = counts
    head = place + 1
    place += 1
    old: list[str] = []
    new: list[str] = []
    kinds = ""
    while old_left or new_left:
        # The text's end leaves one empty string behind the last line feed.
        line = lines[place] if place < len(lines) - (not lines[-1]) else None
        if line is None or line[:1] not in {" ", "-", "+", "", "\\"}:
            raise DiffError(f"the hunk that begins in line {head} is shorter than it says")
        if line.startswith("\\"):
            _cut_newline(old, new, kinds)
            place += 1
            continue
        kind, content = line[:1] or " ", line[1:] + "\n"
        if kind != "+":
            old.append(content)
            old_left -= 1
        if kind != "-":
            new.append(content)
            new_left -= 1
        kinds += kind
        place += 1
    if old_left < 0 or new_left < 0:
        raise DiffError(f"the hunk that begins in line {head} has other lines than it says")
    if place < len(lines) and lines[place].startswith("\\"):
        _cut_newline(old, new, kinds)
        place += 1
    behind = lines[place] if place < len(lines) else ""
    # A removed line is not the signature of git format-patch, nor the next file's name.
    if behind[:1] in {" ", "+", "-"} and not behind.startswith(("--- ", "-- ")):
        raise DiffError(f"the hunk that begins in line {head} has more lines than it says")
    return Hunk(number, start, tuple(old), tuple(new)), place


def _cut_newline(old: list[str], new: list[str], kinds: str) -> None:
    """A line ``\\ No newline at end of file`` speaks of the one before it."""
    last = kinds[-1:]
    if last in {" ", "-"} and old:
        old[-1] = old[-1].removesuffix("\n")
    if last in {" ", "+"} and new:
        new[-1] = new[-1].removesuffix("\n")


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends; only a line feed ends a line."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def mismatch(hunk: Hunk, lines: Sequence[str]) -> tuple[int, str, str] | None:
    """The first line, from 1, that is not what the hunk expects at its very place.

    With it the line that is expected and the one that is there, "" for none. None where all fits.
    """
    for place, wanted in enumerate(hunk.old, start=hunk.index):
        there = lines[place] if place < len(lines) else ""
        if there != wanted:
            return place + 1, wanted, there
    return (len(lines) + 1, "", "") if hunk.index > len(lines) else None


def apply(file: FileDiff, lines: Sequence[str]) -> list[str]:
    """The lines after the patch, for a file diff without a `mismatch`."""
    result: list[str] = []
    done = 0
    for hunk in file.hunks:
        result += [*lines[done : hunk.index], *hunk.new]
        done = hunk.index + len(hunk.old)
    return [*result, *lines[done:]]
