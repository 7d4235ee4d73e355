"""The commands in a shell script, as far as they can be read without running it.

What is read is POSIX's grammar (sh(1p), Shell Command Language) down to simple commands: with
quotes, substitutions, here-documents, case patterns and functions, since words in those are no
commands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_RESERVED = {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!"}
_NO_COMMAND = {"for", "select", "function", "case"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_REDIRECTION = re.compile(r"<<<|<<-?|[<>]&|>\||>>|<>|<|>")
_SEPARATOR = re.compile(r";;&|;[;&]|&&|\|\||\|&|[;&|\n]")
_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_OLD_FORM = re.compile(r"(?:[^\\`]|\\.)*", re.DOTALL)
_NUMBER_BEFORE = re.compile(r"[0-9]+(?=[<>])")


@dataclass(frozen=True)
class Command:
    """A simple command, and the line that it begins in.

    `words` are without quotes, assignments and redirections. What the shell computes is a ``$``.
    """

    line: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """The commands of a script in their order, and the names of its functions."""

    commands: tuple[Command, ...]
    functions: frozenset[str]


def read(text: str) -> Script:
    """The commands of a shell script.

    Raises:
        ValueError: a quote or a bracket does not end.

    >>> [one.words for one in read("[ -x /bin/a ] && x=$(b 'c d') || echo \\"$(e)\\" >&2").commands]
    [('[', '-x', '/bin/a', ']'), ('b', 'c d'), ('e',), ('echo', '$')]
    """
    reader = _Reader(text)
    reader.commands("")
    return Script(tuple(reader.found), frozenset(reader.functions))


@dataclass
class _Level:
    """What was read of the text between two brackets, or of all of it.

    `words` are those of a command that may go on, from `start` on; `depth` counts open brackets
    and `cases` open case commands. In a `pattern` of one of those nothing is a command.
    """

    start: int
    words: list[str] = field(default_factory=list)
    depth: int = 0
    cases: int = 0
    pattern: bool = False


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.found: list[Command] = []
        self.functions: set[str] = set()
        self.documents: list[tuple[str, bool]] = []

    def commands(self, closing: str) -> None:
        """Read commands up to the bracket `closing`, or to the end of the text."""
        level = _Level(self.place)
        while self.place < len(self.text):
            here = self.text[self.place]
            if self._take(_BLANK):
                continue
            if here == "#":
                self.place = self._end_of_line()
            elif operator := self._take(_SEPARATOR):
                self._end(level)
                level.pattern |= level.cases > 0 and operator[:2] in (";;", ";&")
                if operator == "\n":
                    self._skip_documents()
            elif here == "(":
                self._open(level)
            elif here == ")":
                self.place += 1
                self._end(level)
                if not level.pattern and not level.depth and closing:
                    return
                level.depth -= not level.pattern
                level.pattern = False
            elif here in "<>" or _NUMBER_BEFORE.match(self.text, self.place):
                self._redirection()
            else:
                self._add(level)
        self._end(level)
        if closing:
            raise ValueError(f"{closing!r} is missing")

    def _end(self, level: _Level) -> None:
        if level.words and level.words[0] not in _NO_COMMAND and not level.pattern:
            line = self.text.count("\n", 0, level.start) + 1
            self.found.append(Command(line, tuple(level.words)))
        level.words.clear()

    def _open(self, level: _Level) -> None:
        self.place += 1
        if len(level.words) == 1 and self.text[self.place :].lstrip(" \t")[:1] == ")":
            self.functions.add(level.words.pop())
            self.place = self.text.index(")", self.place) + 1
        elif not level.pattern:
            self._end(level)
            level.depth += 1

    def _add(self, level: _Level) -> None:
        """Read a word, and add it to the command unless it belongs to the grammar."""
        words, begin = level.words, self.place
        word, plain = self._word()
        if not words:
            level.start = begin
        if word == "esac" and not words and plain:
            level.cases, level.pattern = level.cases - 1, False
        elif word == "in" and len(words) == 2 and words[0] == "case":
            words.clear()
            level.cases, level.pattern = level.cases + 1, True
        elif words or not (_ASSIGNMENT.match(self.text, begin) or (plain and word in _RESERVED)):
            words.append(word)

    def _take(self, form: re.Pattern[str]) -> str:
        match = form.match(self.text, self.place)
        self.place += len(match[0]) if match else 0
        return match[0] if match else ""

    def _end_of_line(self) -> int:
        found = self.text.find("\n", self.place)
        return len(self.text) if found < 0 else found

    def _redirection(self) -> None:
        self._take(_NUMBER_BEFORE)
        operator = self._take(_REDIRECTION)
        self._take(_BLANK)
        target, _ = self._word()
        if operator in ("<<", "<<-"):
            self.documents.append((target, operator == "<<-"))

    def _skip_documents(self) -> None:
        for limit, tabs in self.documents:
            while self.place < len(self.text):
                end = self._end_of_line()
                line = self.text[self.place : end]
                self.place = end + 1
                if (line.lstrip("\t") if tabs else line) == limit:
                    break
        self.documents.clear()

    def _word(self) -> tuple[str, bool]:
        """The word that begins here, and whether nothing of it is quoted or computed."""
        value, plain = "", True
        while self.place < len(self.text):
            here = self.text[self.place]
            if here in " \t\n;&|()<>":
                break
            plain = plain and here not in "\\'\"$`"
            if here == "'":
                end = self._find("'", self.place + 1)
                value += self.text[self.place + 1 : end]
                self.place = end + 1
            elif here == '"':
                self.place += 1
                while self.text[self.place : self.place + 1] != '"':
                    value += self._piece('"')
                self.place += 1
            else:
                value += self._piece("")
        return value, plain

    def _piece(self, quote: str) -> str:
        """A character, an escaped one or a substitution, within double quotes or outside."""
        here, after = self.text[self.place : self.place + 1], self.text[self.place + 1 :][:1]
        if not here:
            raise ValueError(f"{quote} is missing")
        if here == "\\":
            self.place += 2
            escaped = after in '$`"\\\n' or not quote
            return "" if after == "\n" else after if escaped else here + after
        if here == "`":
            line = self.text.count("\n", 0, self.place)
            self.place += 1
            inner = read(self._take(_OLD_FORM).replace("\\`", "`"))
            self.found += [
                Command(line + command.line, command.words) for command in inner.commands
            ]
            self.place = self._find("`", self.place) + 1
            return "$"
        if here != "$" or not re.match(r"[\w({@*#?$!'\"-]", after):
            self.place += 1
            return here
        self.place += 1
        if self.text.startswith("((", self.place):
            self.place = self._find("))", self.place) + 2
        elif after == "(":
            self.place += 1
            self.commands(")")
        elif after == "{":
            self.place += 1
            while self.text[self.place : self.place + 1] != "}":
                self._piece("}")
            self.place += 1
        elif after not in "'\"":
            self._take(re.compile(r"\w+|."))
        return "$"

    def _find(self, what: str, start: int) -> int:
        found = self.text.find(what, start)
        if found < 0:
            line = self.text.count("\n", 0, self.place) + 1
            raise ValueError(f"what begins with {what} in line {line} does not end")
        return found
