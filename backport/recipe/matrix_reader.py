"""What a recipe and its files of tests have for tests: rows, variants and test sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from backport.errors import RecipeError
from backport.recipe.keys import Advice, PackageName, Version
from backport.recipe.model import Change, MatrixFolder, MatrixTest, Source, TestSource, Variant
from backport.recipe.source_reader import read_base, read_upstream
from backport.recipe.toml_table import Table, parsed
from backport.recipe.version_strings import upstream_part


@dataclass
class Tests:
    """What one file has for tests; the paths in it start from its own folder."""

    variants: list[Variant]
    test_sources: list[TestSource]
    rows: list[MatrixTest]

    def add(self, more: Tests) -> None:
        """Take in another file's.

        Raises:
            RecipeError: one of its names is taken.
        """
        known = self._places()
        for name, where in more._places().items():
            if name in known:
                raise RecipeError(
                    f"{known[name]} has that name", where=where, advice="name it otherwise"
                )
        self.variants += more.variants
        self.test_sources += more.test_sources
        self.rows += more.rows

    def _places(self) -> dict[str, str]:
        places = {variant.name: variant.where for variant in self.variants}
        return places | {source.name: source.where for source in self.test_sources}


def read_tests(top: Table, matrix: Table) -> Tests:
    """Read the rows, variants and test sources of one file.

    Raises:
        RecipeError: a key is wrong.
    """
    tests = matrix.get("tests", Path, matrix.folders.start / "autopkgtest/matrix")
    library = matrix.get("library", tuple[Path, ...], ())
    folder = MatrixFolder(tests, library or (tests.parent / "lib",))
    rows = matrix.array("test", matrix.plain("defaults"))
    return Tests(
        [_variant(name, table) for name, table in top.tables("variant")],
        [_test_source(name, table) for name, table in top.tables("test-source")],
        [test for table in rows for test in _matrix_tests(table, folder)],
    )


def read_file(path: Path, root: Path, allowed: tuple[Path, ...]) -> Tests:
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
    tests = read_tests(top, matrix)
    for table in (matrix, top):
        table.done()
    return tests


def _matrix_tests(table: Table, folder: MatrixFolder) -> Iterator[MatrixTest]:
    """A row of the file: a test for each of its sources."""
    for source in table.strings("source"):
        yield table.read(MatrixTest, source=source, folder=folder, where=table.where)


def _variant(name: str, table: Table) -> Variant:
    patched = table.strings("with-patches", ())
    defaults = {"sources": ()} if patched else {}
    variant = table.read(Variant, name=name, where=table.where, defaults=defaults)
    return replace(variant, sources=(*variant.sources, *patched))


def _test_source(name: str, table: Table) -> TestSource:
    base = read_base(table.table("base")) if table.has("base") else None
    version = upstream_part(base.version) if base else table.get("version", Version)
    purpose = table.get("purpose", Annotated[str, Advice("say what the tests need it for")])
    start = table.folders.start
    package = Source(
        name=table.get("source", PackageName),
        version=version,
        debian_version=base.version
        if base
        else table.get("debian-version", Version, f"{version}-1"),
        series=table.strings("series"),
        needs=table.strings("needs", ()),
        upstream=None if base else read_upstream(table.table("upstream"), version),
        base=base,
        patches=start / "none"
        if base
        else table.get("patches", Path, start / "patches/test-sources" / name),
        tests=start / "autopkgtest" / "none",
        changes=(Change(purpose[0].upper() + purpose[1:] + "."),) if purpose else (),
    )
    return table.read(TestSource, name=name, package=package, purpose=purpose, where=table.where)
