from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from backport.check import shell


def commands(text: str) -> list[str]:
    return [" ".join(command.words) for command in shell.read(text).commands]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a 1; b && c || d & e | f\ng", ["a 1", "b", "c", "d", "e", "f", "g"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("while ! a; do b; done\n{ c; }; (d; e)", ["a", "b", "c", "d", "e"]),
        ("for x in a b; do c $x; done", ["c $"]),
        ("X=1 Y='a b' a; Z=\"$(b)\"; W=`c \\`d\\``", ["a", "b", "d", "c $"]),
        ('a \'x; b\' "y; c $(d "e f") ${g:-$(h)}" # i; j', ["d e f", "h", "a x; b y; c $ $"]),
        ("a $((1 + (2))) >b 2>&1 <c; d 2>/dev/null >&2", ["a $", "d"]),
        ("a \\\n  b\\ c \\\n; d", ["a b c", "d"]),
        ("a <<X; b\nc; it's\nX\nd <<-'Y'\n\te\n\tY\nf", ["a", "b", "d", "f"]),
        ("case $1 in\n  (/bin/a | b) c;;\n  d)\n    e\n    ;;\nesac\nf", ["c", "e", "f"]),
        ("case a in b) case c in d) e;; esac;; *) f; esac; g", ["e", "f", "g"]),
        ("f() { a; }\nf; x=$(case a in b) c;; esac)", ["a", "f", "c"]),
        ("echo a#b 'c' # d\n# e; f\ng", ["echo a#b c", "g"]),
    ],
)
def test_the_commands_are_found_and_other_words_are_none(text: str, found: list[str]) -> None:
    subprocess.run(["sh", "-n", "-c", text], check=True)
    assert commands(text) == found


def test_a_command_has_the_line_that_it_begins_in() -> None:
    script = shell.read("#!/bin/sh\nset -e\n\nx=$(\n  a\n) b \\\n  c\n`\nd`\n")
    assert [(command.line, command.words[0]) for command in script.commands] == [
        (2, "set"),
        (5, "a"),
        (6, "b"),
        (9, "d"),
        (8, "$"),
    ]


def test_the_functions_are_named() -> None:
    assert shell.read("a() {\n b\n}\nc ()\n{ d; }\n").functions == {"a", "c"}


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a `b", "a $(b", "a ${b", "a $((b"])
def test_what_does_not_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"missing|does not end"):
        shell.read(text)


def test_the_maintainer_scripts_of_this_machine_can_be_read() -> None:
    read = 0
    for path in Path("/var/lib/dpkg/info").glob("*.p*"):
        text = path.read_text("utf-8", "replace")
        if text.startswith("#!/bin/sh"):
            read += len(shell.read(text).commands)
    assert read > 100
