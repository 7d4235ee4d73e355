"""backport.toml -> Recipe. Every error is one sentence that names the key and the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, replace
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from backport.errors import RecipeError
from backport.recipe import checks
from backport.recipe import outside as recipe_outside
from backport.recipe.bug import BugText, SruException
from backport.recipe.keys import Advice, PackageName, Version
from backport.recipe.model import (
    ChangelogItem,
    MatrixFolder,
    MatrixTest,
    PinnedDsc,
    Published,
    Recipe,
    Retired,
    Review,
    Revision,
    Series,
    Source,
    TestSource,
    Upstream,
    Variant,
)
from backport.recipe.toml_table import Folders, Table, parsed
from backport.recipe.update import Update
from backport.recipe.version_strings import upstream_part

T = TypeVar("T")
_STRINGS = tuple[str, ...]


def load(
    path: Path,
    *,
    unpinned: bool = False,
    in_evidence: bool = False,
    matrix: Sequence[Path] = (),
    outside: Sequence[Path] = (),
) -> Recipe:
    """Read and check a recipe.

    Parameters:
        path: the file.
        in_evidence: it lies in evidence, without what it names outside of its own folder.
        matrix: files of more rows of its test matrix, beside those that it includes.
        outside: folders that its paths may lead to, beside its own.
        unpinned: take what `backport pin` mends: a source with neither a pinned .dsc nor packaging
            of our own, or with the .dsc of another version than it names.

    Raises:
        RecipeError: a file is missing or wrong; the sentence names the key and the fix.
    """
    advice = "name one with --recipe, or make one with: backport init SOURCE --series NAME"
    allowed = (path.parent, *outside)
    top = parsed(path, "there is no such recipe", advice, allowed)
    recipe = _recipe(top, path, matrix, allowed, unpinned=unpinned)
    checks.check(recipe, unpinned=unpinned)
    recipe_outside.check_links(recipe, Folders(recipe.root, allowed))
    if not in_evidence:
        recipe_outside.check_tests(recipe)
    return recipe


def _recipe(
    top: Table, path: Path, more: Sequence[Path], allowed: tuple[Path, ...], *, unpinned: bool
) -> Recipe:
    root = path.parent.resolve()
    matrix = top.table("matrix")
    own = _tests(top, matrix)
    included = matrix.get("include", tuple[Path, ...], ())
    matrix_files = tuple(dict.fromkeys(one.resolve() for one in (*included, *more)))
    tests = [own, *(_tests_of_file(file, root, allowed) for file in matrix_files)]
    matrix.done()
    recipe = Recipe(
        **vars(top.table("update").read(Update)),
        path=path.resolve(),
        root=root,
        series=tuple(_series(name, table) for name, table in top.tables("series")),
        sources=tuple(
            _source(name, table, unpinned=unpinned) for name, table in top.tables("source")
        ),
        retired=tuple(
            table.read(Retired, name=name, defaults={"outcome": "superseded", "by": ()})
            for name, table in top.tables("retired")
        ),
        variants=tuple(variant for file in tests for variant in file.variants),
        test_sources=tuple(source for file in tests for source in file.test_sources),
        matrix=tuple(row for file in tests for row in file.rows),
        matrix_files=matrix_files,
        bug_text=_bug(top.table("bug")) if top.has("bug") else None,
        exception=top.get("exception", SruException, None),
        review=top.get("review", Review, Review()),
    )
    top.done()
    return recipe


def _bug(table: Table) -> BugText:
    text = table.read(BugText)
    sections = ("impact", "test_plan", "problems", "other_info")
    return replace(text, **{name: getattr(text, name).strip() for name in sections})


def _series(name: str, table: Table) -> Series:
    archive = table.table("archive")
    # Of what has a note alone nobody knows the version; "" says that the series has none.
    given = table.plain("archive").items()
    known = [name for name, entry in given if not isinstance(entry, dict) or [*entry] != ["note"]]
    return table.read(
        Series, name=name, archive={source: archive.get(source, Published) for source in known}
    )


def _source(name: str, table: Table, *, unpinned: bool) -> Source:
    pins = _by_series(table, "pinned", lambda inner: _pinned(inner, unpinned=unpinned))
    revisions = _by_series(table, "revision", lambda inner: inner.read(Revision))
    # Where each series has a .dsc of its own, these have the versions.
    first = next(iter(pins.values())) if pins and "" not in pins else None
    version = table.get("version", Version, upstream_part(first.version) if first else MISSING)
    needed = table.table("needs-upstream")
    same = tuple(need for need, value in table.plain("needs-upstream").items() if value == "same")
    upstream = None
    if table.has("upstream") or not pins:
        upstream = _upstream(table.table("upstream"), version)
    return table.read(
        Source,
        name=name,
        version=version,
        pinned=pins.pop("", None),
        pinned_in=pins,
        revision=revisions.pop("", None),
        revisions=revisions,
        upstream=upstream,
        same_upstream=same,
        needs_upstream={
            need: (version,) if need in same else needed.get(need, _STRINGS) for need in needed
        },
        patches=table.get("patches", Path, table.folders.start / "patches" / name),
        tests=table.get("tests", Path, table.folders.start / "autopkgtest" / name),
        defaults={"debian_version": first.version if first else f"{version}-1"},
    )


def _by_series(table: Table, key: str, read: Callable[[Table], T]) -> dict[str, T]:
    """What `read` makes of the table under `key`, as "", and of that of each series in it."""
    if not table.has(key):
        return {}
    inner = table.table(key)
    named = [name for name, value in table.plain(key).items() if isinstance(value, dict)]
    series = {name: read(inner.table(name)) for name in named}
    common = {"": read(inner)} if len(series) < len([*inner]) else {}
    return common | series


def _upstream(table: Table, version: str) -> Upstream:
    """Read where an orig tarball comes from: a path, PyPI or an address, with its sha256."""
    path, project = table.get("path", str, ""), table.get("pypi", str, "")
    name = Path(path).name or (f"{project}-{version}.tar.gz" if project else "")
    return table.read(Upstream, defaults={"file": name} if name else {})


def _pinned(table: Table, *, unpinned: bool = False) -> PinnedDsc:
    """Read the pin of a .dsc."""
    if unpinned and [*table] == ["version"]:
        return PinnedDsc(table.get("version", Version), dsc="", sha256="")
    name = Path(table.get("path", str, "")).name
    return table.read(PinnedDsc, defaults={"dsc": name} if name else {})


class _Tests(NamedTuple):
    """What one file has for tests; the paths in it start from its own folder."""

    variants: list[Variant]
    test_sources: list[TestSource]
    rows: list[MatrixTest]


def _tests(top: Table, matrix: Table) -> _Tests:
    tests = matrix.get("tests", Path, matrix.folders.start / "autopkgtest/matrix")
    library = matrix.get("library", tuple[Path, ...], ())
    folder = MatrixFolder(tests, library or (tests.parent / "lib",))
    rows = matrix.array("test", matrix.plain("defaults"))
    return _Tests(
        [_variant(name, table) for name, table in top.tables("variant")],
        [_test_source(name, table) for name, table in top.tables("test-source")],
        [test for table in rows for test in _matrix_tests(table, folder)],
    )


def _tests_of_file(path: Path, root: Path, allowed: tuple[Path, ...]) -> _Tests:
    """Read a file with rows of the matrix, and the variants and test sources that they need."""
    advice = "mend matrix.include, or --matrix"
    top = parsed(path, "there is no such file of tests", advice, allowed)
    if not path.is_relative_to(root):
        raise RecipeError(
            "this file of tests is not below the recipe's folder",
            where=str(path),
            advice=f"put it below {root}: evidence holds nothing else",
        )
    matrix = top.table("matrix")
    tests = _tests(top, matrix)
    for table in (matrix, top):
        table.done()
    return tests


def _matrix_tests(table: Table, folder: MatrixFolder) -> Iterator[MatrixTest]:
    """A row of the file: a test for each of its sources."""
    for source in table.get("source", _STRINGS):
        yield table.read(MatrixTest, source=source, folder=folder, where=table.where)


def _variant(name: str, table: Table) -> Variant:
    patched = table.get("with-patches", _STRINGS, ())
    defaults = {"sources": ()} if patched else {}
    variant = table.read(Variant, name=name, where=table.where, defaults=defaults)
    return replace(variant, sources=(*variant.sources, *patched))


def _test_source(name: str, table: Table) -> TestSource:
    pinned = _pinned(table.table("pinned")) if table.has("pinned") else None
    version = upstream_part(pinned.version) if pinned else table.get("version", Version)
    purpose = table.get("purpose", Annotated[str, Advice("say what the tests need it for")])
    start = table.folders.start
    package = Source(
        name=table.get("source", PackageName),
        version=version,
        debian_version=pinned.version
        if pinned
        else table.get("debian-version", Version, f"{version}-1"),
        series=table.get("series", _STRINGS),
        needs=table.get("needs", _STRINGS, ()),
        upstream=None if pinned else _upstream(table.table("upstream"), version),
        pinned=pinned,
        patches=start / "none"
        if pinned
        else table.get("patches", Path, start / "patches/test-sources" / name),
        tests=start / "autopkgtest" / "none",
        changes=(ChangelogItem(purpose[0].upper() + purpose[1:] + "."),) if purpose else (),
    )
    return table.read(TestSource, name=name, package=package, purpose=purpose, where=table.where)
