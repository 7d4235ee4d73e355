"""What a Python file uses that came with some version of Python: syntax, modules and names.

Python's own grammar reads the file. Code for Python 2 that this grammar cannot read is looked
through token by token, for what Python 2 cannot read.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backport.check import tables
from backport.check.tables import Entry


@dataclass(frozen=True)
class Use:
    """Something that a file uses, and since when Python has it.

    `kind` is ``syntax`` or ``module``; `module` is the module that a name is in, "" for syntax.
    """

    kind: str
    line: int
    what: str
    entry: Entry
    module: str = ""


def uses(text: str) -> list[Use]:
    """What a file uses that is in the tables, one for each name and construct.

    Raises:
        SyntaxError: Python 3 cannot read it; see `tokens`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the file's literals, not of ours
        tree = ast.parse(text)
    visitor = _Visitor(_bound(tree))
    visitor.visit(tree)
    found = [*visitor.found, *_numbers(text)]
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
            what = ""
            # Since Python 3.12 the beginning of an f-string is a token of its own.
            if token.type in _STRINGS and re.match(r"(?i)(f|rf|fr)['\"]", token.string):
                what = "f-string"
            elif token.string == "from" and previous == "yield":
                what = "yield from"
            elif token.type == tokenize.NAME and token.string == "def" and previous == "async":
                what = "async def"
            elif token.string == ":=":
                what = "assignment expression"
            elif token.string == "->":
                what = "annotation of a function"
            if what:
                found.append(_syntax(what, token.start[0]))
            previous = token.string
    except (tokenize.TokenError, SyntaxError, IndentationError):
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


def _syntax(what: str, line: int) -> Use:
    return Use("syntax", line, what, tables.load("python")["syntax"].entries[what])


def _numbers(text: str) -> Iterator[Use]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NUMBER and "_" in token.string:
                yield _syntax("underscore in a number", token.start[0])
    except (tokenize.TokenError, SyntaxError):
        return


def _bound(tree: ast.AST) -> set[str]:
    """Every name that the file itself binds anywhere: those are not Python's own."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
    return found


_EXCUSES = {"ImportError", "ModuleNotFoundError", "AttributeError", "NameError", "Exception"}
_CONDITIONS = re.compile(
    r"version_info|hexversion|PY2|PY3|TYPE_CHECKING|hasattr|python_version|version_tuple"
)


class _Visitor(ast.NodeVisitor):
    """Collects what is used; in code that has another way, only syntax."""

    def __init__(self, own: set[str]) -> None:
        self.found: list[Use] = []
        self._names: dict[str, str] = {}
        self._own = own
        self._excused = 0

    def _construct(self, what: str, node: ast.AST) -> None:
        self.found.append(_syntax(what, getattr(node, "lineno", 0)))

    def _named(self, name: str, node: ast.AST) -> None:
        """A module, or a module's name, by its full name."""
        if self._excused:
            return
        python = tables.load("python")
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            head = ".".join(parts[:length])
            entry = python["module"].find(head) or python["name"].find(head)
            if entry is not None:
                line = getattr(node, "lineno", 0)
                self.found.append(Use("module", line, head, entry, parts[0]))

    # ------------------------------------------------------------ code that has another way

    def visit_Try(self, node: ast.Try) -> None:
        caught = {
            one.id if isinstance(one, ast.Name) else one.attr
            for handler in node.handlers
            for one in ast.walk(handler.type or ast.Name("Exception"))
            if isinstance(one, (ast.Name, ast.Attribute))
        }
        excused = bool(caught & _EXCUSES)
        self._inside([*node.body, *node.handlers, *node.orelse], excused)
        self._inside(node.finalbody, excused=False)

    def visit_If(self, node: ast.If) -> None:
        excused = bool(_CONDITIONS.search(ast.unparse(node.test)))
        self.visit(node.test)
        self._inside([*node.body, *node.orelse], excused)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        excused = bool(_CONDITIONS.search(ast.unparse(node.test)))
        self._inside([node.test, node.body, node.orelse], excused)

    def _inside(self, nodes: Sequence[ast.AST], excused: bool) -> None:
        self._excused += excused
        for node in nodes:
            self.visit(node)
        self._excused -= excused

    # ------------------------------------------------------------ modules and names

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._named(alias.name, node)
            self._names[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module in (None, "__future__"):
            return
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            self._named(full, node)
            self._names[alias.asname or alias.name] = full

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if (name := self._full(node)) is not None:
            self._named(name, node)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in self._own:
            entry = tables.load("python")["name"].find(node.id)
            if entry is not None and not self._excused:
                self.found.append(Use("module", node.lineno, node.id, entry, "builtins"))

    def visit_Call(self, node: ast.Call) -> None:
        name = self._full(node.func)
        if name is None and isinstance(node.func, ast.Name):
            name = node.func.id
        for keyword in node.keywords if name and not self._excused else ():
            what = f"{name}:{keyword.arg}"
            if (entry := tables.load("python")["argument"].find(what)) is not None:
                self.found.append(Use("module", node.lineno, what, entry, name or ""))
        for one in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if isinstance(one, ast.Starred) and one is not node.args[-1]:
                self._construct("unpacking in a display or call", node)
        self.generic_visit(node)

    def _full(self, node: ast.expr) -> str | None:
        """The full name of an attribute of an imported module, such as ``os.scandir``."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute) and (head := self._full(node.value)) is not None:
            return f"{head}.{node.attr}"
        return None

    # ------------------------------------------------------------ syntax

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        if node.returns is not None or any(one.annotation is not None for one in every):
            self._construct("annotation of a function", node)
        if getattr(node, "type_params", None):
            self._construct("type statement or parameter", node)
        self._decorators(node)
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._construct("async def", node)
        if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(node)):
            self._construct("asynchronous comprehension or generator", node)
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.keywords:
            self._construct("keyword in a class's bases", node)
        self._decorators(node)
        self.generic_visit(node)

    def _decorators(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for one in node.decorator_list:
            plain = one.func if isinstance(one, ast.Call) else one
            while isinstance(plain, ast.Attribute):
                plain = plain.value
            if not isinstance(plain, ast.Name):
                self._construct("free expression as a decorator", one)

    def visit_arguments(self, node: ast.arguments) -> None:
        if node.kwonlyargs:
            self._construct("keyword-only argument", node.kwonlyargs[0])
        if node.posonlyargs:
            self._construct("positional-only argument", node.posonlyargs[0])
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if any(isinstance(one, ast.Starred) for one in ast.walk(target)):
                self._construct("starred target", node)
        self.generic_visit(node)

    def _display(self, node: ast.List | ast.Tuple | ast.Set) -> None:
        if isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and any(
            isinstance(one, ast.Starred) for one in node.elts
        ):
            self._construct("unpacking in a display or call", node)
        self.generic_visit(node)

    visit_List = _display  # noqa: N815 - the names are those of ast's classes
    visit_Tuple = _display  # noqa: N815
    visit_Set = _display  # noqa: N815

    def visit_Dict(self, node: ast.Dict) -> None:
        if None in node.keys:
            self._construct("unpacking in a display or call", node)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if node.is_async:
            self._construct("asynchronous comprehension or generator", node.target)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.cause is not None:
            self._construct("raise … from", node)
        self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        what = _PLAIN.get(type(node).__name__)
        if what is not None:
            self._construct(what, node)
        super().generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.MatMult):
            self._construct("matrix multiplication", node)
        self.generic_visit(node)


# Constructs that are a kind of node of their own.
_PLAIN = {
    "Nonlocal": "nonlocal",
    "YieldFrom": "yield from",
    "JoinedStr": "f-string",
    "AnnAssign": "annotation of a variable",
    "NamedExpr": "assignment expression",
    "Match": "match statement",
    "TryStar": "except*",
    "TypeAlias": "type statement or parameter",
}
