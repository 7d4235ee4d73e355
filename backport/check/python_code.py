"""What a Python file uses that came with some version of Python, as vermin knows it.

Python 3's own grammar reads the file; what it cannot read is code for Python 2, such as
``print "x"``, or not looked at.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from backport.check import finding
from backport.check.ceiling import Ceiling, Entry

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
_TESTS = re.compile(r"(?:^|/)(?:tests?|testing)(?:/|$)|(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")
# vermin's names of what is looked up when the code runs; all else is syntax.
_NAME = re.compile(r"'(?P<name>(?P<module>\w+)[^']*)'(?: module| member|$)")
_LOOKED_UP = re.compile(r"directive|typecode|error handler|encoding")
_EXCUSES = {"ImportError", "ModuleNotFoundError", "AttributeError", "NameError", "Exception"}
_CONDITIONS = re.compile(
    r"version_info|hexversion|PY2|PY3|TYPE_CHECKING|hasattr|python_version|version_tuple"
)


@dataclass(frozen=True)
class Feature:
    """Something that a file uses, and `since` when Python 3 has it.

    `kind` is ``syntax`` or ``module``; `module` is the module that a name is in, "" for syntax.
    `python2` says whether Python 2.7 has it too.
    """

    kind: str
    line: int
    what: str
    since: str
    module: str = ""
    python2: bool = False


def check(
    text: str,
    place: str,
    language: Literal["python2", "python3"],
    ceiling: Ceiling,
    *,
    own: Collection[str] = (),
    depends: Collection[str] = (),
) -> None:
    """Compare one Python file with the ceiling.

    Parameters:
        language: ``python2`` or ``python3``.
        own: names of modules that come with the file, which are not the standard library's.
        depends: packages that are there with it; one may bring a module to Python 2.
    """
    try:
        features = uses(text)
    except (SyntaxError, ValueError) as error:
        if language == "python3":
            why = f"this Python cannot read it: {getattr(error, 'msg', error)}"
            where = f"{place}:{getattr(error, 'lineno', None) or 0}"
            advice = "look whether the series' Python can"
            ceiling.findings.append(finding.make("not-parsed", "warning", where, why, advice))
        return
    for use in features:
        if use.module in own:
            continue
        # All of it came with 3.0 or later, which is above every Python 2.
        brought = use.python2 or _PYTHON2_PACKAGES.get(use.module) in depends
        if language == "python2" and brought:
            continue
        # What only the package's own tests need is not run on the user's machine.
        is_test = bool(_TESTS.search(place)) and use.kind == "module"
        severity: finding.Severity = "warning" if is_test else "error"
        source = f"Python's documentation, by vermin: since Python {use.since}"
        rule = f"newer-python-{use.kind}"
        entry = Entry(rule, use.what, language, use.since, source, severity)
        ceiling.uses(entry, f"{place}:{use.line}")


def uses(text: str) -> list[Feature]:
    """What a file uses that not every Python has, one for each name and construct.

    Names count where the code has no other way; syntax counts everywhere.

    Raises:
        SyntaxError: Python 3 cannot read it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the file's literals, not of ours
        tree = ast.parse(text)
    features = [use for use in _found(tree, text) if use.kind == "syntax"]
    # The syntax tree does not tell a number such as 1_000 from others.
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NUMBER and "_" in token.string:
            features.append(Feature("syntax", token.start[0], "underscores in numbers", "3.6"))
    features += [use for use in _found(_Pruned().visit(tree), text) if use.kind == "module"]
    first: dict[tuple[str, str], Feature] = {}
    for use in sorted(features, key=lambda one: one.line):
        first.setdefault((use.kind, use.what), use)
    return list(first.values())


def grammar(line: str) -> Literal["python2", "python3", ""]:
    """The Python that a script's first line names: ``python2``, ``python3`` or "" for none.

    >>> grammar("#!/usr/bin/env python3.5"), grammar("#!/usr/bin/python -E"), grammar("#!/bin/sh")
    ('python3', 'python2', '')
    """
    match = re.match(r"#!\s*\S*(?:/env(?:\s+-S)?\s+|/)(python)(\d?)", line)
    if match is None:
        return ""
    # Debian Python Policy: without a number it is Python 2, as long as the series has one.
    return "python3" if match[2] == "3" else "python2"


def _found(tree: ast.AST, text: str) -> Iterator[Feature]:
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
        yield Feature(kind, int(line or 0), name, python3, module, known)


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
