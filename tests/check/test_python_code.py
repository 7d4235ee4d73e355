from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backport.check import python_code, tables
from tests.check.trees import python_above

# One example for each construct of the table.
SYNTAX = {
    "nonlocal": "def f():\n    x = 1\n    def g():\n        nonlocal x\n",
    "annotation of a function": "def f(a: int):\n    pass\n",
    "keyword-only argument": "def f(*, a):\n    pass\n",
    "raise … from": "raise ValueError from None\n",
    "starred target": "first, *rest = [1, 2]\n",
    "keyword in a class's bases": "class A(metaclass=type):\n    pass\n",
    "yield from": "def f():\n    yield from []\n",
    "async def": "async def f():\n    pass\n",
    "matrix multiplication": "a @ b\n",
    "unpacking in a display or call": "[*a, *b]\n",
    "f-string": 'f"{a}"\n',
    "annotation of a variable": "a: int = 1\n",
    "underscore in a number": "a = 1_000\n",
    "asynchronous comprehension or generator": "async def f():\n    yield 1\n",
    "assignment expression": "if (a := 1):\n    pass\n",
    "positional-only argument": "def f(a, /):\n    pass\n",
    "free expression as a decorator": "@a[0].b\ndef f():\n    pass\n",
    "match statement": "match a:\n    case 1:\n        pass\n",
    "except*": "try:\n    pass\nexcept* ValueError:\n    pass\n",
    "type statement or parameter": "type A = int\n",
}


def test_there_is_an_example_of_every_construct() -> None:
    assert set(SYNTAX) == set(tables.load("python")["syntax"].entries)


@pytest.mark.parametrize("what", SYNTAX)
def test_a_construct_is_found_with_the_version_that_brought_it(what: str) -> None:
    if what == "type statement or parameter" and sys.version_info < (3, 12):
        with pytest.raises(SyntaxError):
            python_code.uses(SYNTAX[what])
        return
    (use,) = [one for one in python_code.uses(SYNTAX[what]) if one.what == what]
    assert use.kind == "syntax"
    assert use.line == len(SYNTAX[what].splitlines()) if what == "nonlocal" else use.line >= 1
    assert use.entry.since in use.entry.source


@pytest.mark.parametrize(
    ("text", "grammar"),
    [
        ("import os\nos.scandir('.')\n", "python3"),
        ("import subprocess\nsubprocess.run(['x'])\n", "python3"),
        ("import secrets_of_ours\n", "python3"),
        ("from . import secrets\n", "python3"),
        ("def f():\n    return breakpoint()\ndef breakpoint():\n    pass\n", "python3"),
        ("def choices():\n    pass\nchoices()\n", "python3"),
        (
            "import random\nclass A:\n    def choices(self):\n        return self.choices()\n",
            "python3",
        ),
        ("import sys\nif sys.version_info >= (3, 6):\n    import secrets\n", "python3"),
        ("import os\nif hasattr(os, 'scandir'):\n    os.scandir('.')\n", "python2"),
        ("try:\n    from urllib.parse import quote\nexcept ImportError:\n    pass\n", "python2"),
        ("import ssl\nssl.create_default_context()\n", "python2"),
        ("import argparse, hmac\nhmac.compare_digest('a', 'b')\n", "python2"),
        ("print 'x', 0777, `a`\n", "python2"),
        ("exec 'x' in {}\nraise ValueError, 'x'\n", "python2"),
    ],
)
def test_what_the_series_python_has_is_not_found(text: str, grammar: str) -> None:
    assert python_above(text, grammar) == []


@pytest.mark.parametrize(
    ("text", "grammar", "why"),
    [
        ("import secrets\n", "python3", "secrets came with Python 3.6; xenial has 3.5.1-3"),
        ("import random as r\nr.choices([1])\n", "python3", "random.choices came with Python 3.6"),
        ("from datetime import date\ndate.fromisoformat('')\n", "python3", "Python 3.7"),
        ("import subprocess\nsubprocess.run([], text=True)\n", "python3", "run:text came with"),
        ("breakpoint()\n", "python3", "breakpoint came with Python 3.7"),
        (
            "import os\nos.scandir('.')\n",
            "python2",
            "os.scandir came with Python 3.5; xenial has 2.7",
        ),
        ("import shutil\nshutil.which('x')\n", "python2", "shutil.which came with Python 3.3"),
        ("from pathlib import Path\n", "python2", "pathlib came with Python 3.4"),
        ("print f'{a}'\n", "python2", "f-string came with Python 3.6"),
    ],
)
def test_what_is_newer_than_the_series_python_is_found(text: str, grammar: str, why: str) -> None:
    found = python_above(text, grammar)
    assert any(why in one.why for one in found)
    assert all(one.severity == "error" and one.place.startswith("module.py:") for one in found)


def test_a_newer_series_may_use_more() -> None:
    assert python_above("import secrets\na = f'{secrets}'\n", "python3", python3="3.6.1-1") == []


def test_the_python_of_a_script_is_the_one_of_its_first_line() -> None:
    assert python_code.grammar("#!/usr/bin/python3") == "python3"
    assert python_code.grammar("#!/usr/bin/env python2.7") == "python2"
    assert python_code.grammar("#! /usr/bin/python") == "python2"
    assert python_code.grammar("#!/usr/bin/perl # python") == ""


@given(st.text())
def test_no_text_makes_the_search_by_tokens_fail(text: str) -> None:
    python_code.tokens(text)
