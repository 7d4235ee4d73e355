"""What a Python file uses that came with some version of Python, as vermin knows it.

Python's own grammar reads the file. Code for Python 2 that this grammar cannot read is looked
through token by token, for what Python 2 cannot read.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from backport.check.tables import Entry


@dataclass(frozen=True)
class Use:
    """Something that a file uses, and since when Python 3 has it.

    `kind` is ``syntax`` or ``module``; `module` is the module that a name is in, "" for syntax.
    `python2` says whether Python 2.7 has it too.
    """

    kind: str
    line: int
    what: str
    entry: Entry
    module: str = ""
    python2: bool = False


def uses(text: str) -> list[Use]:
    """What a file uses that not every Python has, one for each name and construct.

    Names count where the code has no other way; syntax counts everywhere.

    Raises:
        SyntaxError: Python 3 cannot read it; see `tokens`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the file's literals, not of ours
        tree = ast.parse(text)
    found = [use for use in _found(tree, text) if use.kind == "syntax"]
    found += _numbers(text)
    found += [use for use in _found(_Pruned().visit(tree), text) if use.kind == "module"]
    first: dict[tuple[str, str], Use] = {}
    for use in sorted(found, key=lambda one: one.line):
        first.setdefault((use.kind, use.what), use)
    return list(first.values())


def tokens(text: str) -> list[Use]:
    """What a file uses that Python 2 cannot read, by its tokens.

    For files that Python 3 cannot read: code for Python 2, such as ``print "x"``.
    """
    found = []
    previous = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            what, since = "", ""
            # Since Python 3.12 the beginning of an f-string is a token of its own.
            if token.type in _STRINGS and re.match(r"(?i)(f|rf|fr)['\"]", token.string):
                what, since = "f-strings", "3.6"
            elif token.string == "from" and previous == "yield":
                what, since = "`yield from`", "3.3"
            elif token.type == tokenize.NAME and token.string == "def" and previous == "async":
                what, since = "coroutines (async)", "3.5"
            elif token.string == ":=":
                what, since = "named expressions", "3.8"
            elif token.string == "->":
                what, since = "annotations", "3.0"
            if what:
                found.append(_syntax(token.start[0], what, since))
            previous = token.string
    # Since Python 3.12 it may stop in the middle of a character.
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        pass  # what stands before the place counts
    return found


def grammar(line: str) -> str:
    """The Python that a script's first line names: ``python2``, ``python3`` or "" for none.

    >>> grammar("#!/usr/bin/env python3.5"), grammar("#!/usr/bin/python -E"), grammar("#!/bin/sh")
    ('python3', 'python2', '')
    """
    match = re.match(r"#!\s*\S*(?:/env(?:\s+-S)?\s+|/)(python)(\d?)", line)
    if match is None:
        return ""
    # Debian Python Policy: without a number it is Python 2, as long as the series has one.
    return "python3" if match[2] == "3" else "python2"


_STRINGS = (tokenize.STRING, getattr(tokenize, "FSTRING_START", tokenize.STRING))
# vermin's names of what is looked up when the code runs; all else is syntax.
_NAME = re.compile(r"'(?P<name>(?P<module>\w+)[^']*)'(?: module| member|$)")
_LOOKED_UP = re.compile(r"directive|typecode|error handler|encoding")


def _syntax(line: int, what: str, since: str) -> Use:
    return Use("syntax", line, what, _entry(what, since))


def _entry(what: str, since: str) -> Entry:
    source = f"Python's documentation, by vermin: since Python {since}"
    return Entry(what, "python3", since, source)


def _found(tree: ast.AST, text: str) -> Iterator[Use]:
    """What vermin finds, but for what 2.7 and every Python 3 have."""
    import vermin  # noqa: PLC0415 - it takes its time, and few commands need it
    from vermin.formats.parsable_format import ParsableFormat  # noqa: PLC0415

    config = vermin.Config()
    config.set_format(ParsableFormat())
    config.set_eval_annotations("from __future__ import annotations" not in text)
    visitor = vermin.SourceVisitor(config, path="", source=text)
    visitor.set_no_lines(set())
    visitor.tour(tree)
    visitor.minimum_versions()
    for row in visitor.output_text().splitlines():
        line, _, python2, python3, what = row.removeprefix(":").split(":", 4)
        known = python2.startswith("2.")
        if not python3.startswith("3.") or (known and python3 == "3.0"):
            continue
        match = _NAME.match(what)
        kind = "module" if match or _LOOKED_UP.search(what) else "syntax"
        name, module = (match["name"], match["module"]) if match else (what, "")
        yield Use(kind, int(line or 0), name, _entry(name, python3), module, known)


def _numbers(text: str) -> Iterator[Use]:
    """Numbers such as 1_000, which the syntax tree does not tell from others."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NUMBER and "_" in token.string:
            yield _syntax(token.start[0], "underscores in numbers", "3.6")


_EXCUSES = {"ImportError", "ModuleNotFoundError", "AttributeError", "NameError", "Exception"}
_CONDITIONS = re.compile(
    r"version_info|hexversion|PY2|PY3|TYPE_CHECKING|hasattr|python_version|version_tuple"
)


class _Pruned(ast.NodeTransformer):
    """Takes out code that has another way: below such a condition, or where its failure is met."""

    def visit_Try(self, node: ast.Try) -> ast.AST:
        self.generic_visit(node)
        caught = {
            name.id if isinstance(name, ast.Name) else name.attr
            for handler in node.handlers
            for name in ast.walk(handler.type or ast.Name("Exception"))
            if isinstance(name, (ast.Name, ast.Attribute))
        }
        if caught & _EXCUSES:
            body = node.finalbody or [ast.copy_location(ast.Pass(), node)]
            return ast.copy_location(ast.If(ast.Constant(True), body, []), node)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if _CONDITIONS.search(ast.unparse(node.test)):
            node.body, node.orelse = [ast.copy_location(ast.Pass(), node)], []
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        excused = _CONDITIONS.search(ast.unparse(node.test))
        return ast.copy_location(ast.Constant(None), node) if excused else node
