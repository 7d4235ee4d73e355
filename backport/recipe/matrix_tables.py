"""What a recipe and its files of tests have for tests: rows, variants and test sources."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backport.errors import RecipeError
from backport.recipe import checks
from backport.recipe.model import (
    Change,
    Control,
    MatrixFolder,
    MatrixTest,
    Source,
    TestSource,
    Variant,
)
from backport.recipe.source_tables import read_base, read_upstream
from backport.recipe.toml_file import one_of, parsed, version_of
from backport.recipe.toml_table import Table
from backport.recipe.version_strings import upstream_part

_RUNS = ("every", "long")


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
    tests = matrix.path("tests", "autopkgtest/matrix")
    library = matrix.paths("library", ())
    folder = MatrixFolder(tests, library or (tests.parent / "lib",))
    defaults = matrix.plain("defaults")
    return Tests(
        [_variant(name, table) for name, table in top.tables("variant")],
        [_test_source(name, table) for name, table in top.tables("test-source")],
        [row for table in matrix.array("test", defaults) for row in _matrix_tests(table, folder)],
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
    found = read_tests(top, matrix)
    for table in (matrix, top):
        table.done()
    return found


def _matrix_tests(table: Table, folder: MatrixFolder) -> list[MatrixTest]:
    """A row of the file: a test for each of its sources."""
    controls = []
    for inner in table.one_or_more("control"):
        controls.append(Control(inner.string("test"), inner.string("variant", "")))
        inner.done()
    test = MatrixTest(
        name=table.string("name"),
        source="",
        folder=folder,
        run=one_of(table, "run", _RUNS),
        controls=tuple(controls),
        timeout=table.integer("timeout", 900),
        matrix=table.boolean("matrix", False),
        extra=table.strings("with", ()),
        from_archive=table.boolean("from-archive", False),
        before=table.string("before", ""),
        where=table.where,
    )
    one = table.is_string("source") or not table.has("source")
    sources = (table.string("source"),) if one else table.strings("source")
    table.done()
    return [replace(test, source=source) for source in sources]


def _variant(name: str, table: Table) -> Variant:
    patched = table.strings("with-patches", ())
    variant = Variant(
        name,
        (*table.strings("without-patches", () if patched else None), *patched),
        table.string("purpose"),
        patched,
        table.where,
    )
    if not checks.VARIANT.fullmatch(name):
        raise RecipeError(
            f"{name!r} cannot be a part of a version",
            where=table.where,
            advice="name a variant with lower case letters only",
        )
    table.done()
    return variant


def _test_source(name: str, table: Table) -> TestSource:
    base = read_base(table.table("base")) if table.has("base") else None
    version = upstream_part(base.version) if base else version_of(table, "version")
    debian = base.version if base else f"{version}-1"
    if not base and table.has("debian-version"):
        debian = version_of(table, "debian-version")
    purpose = table.string("purpose", advice="say what the tests need it for")
    test_source = TestSource(
        name=name,
        package=Source(
            name=table.string("source", advice="write the source package's name"),
            version=version,
            debian_version=debian,
            series=table.strings("series"),
            needs=table.strings("needs", ()),
            upstream=None if base else read_upstream(table.table("upstream"), version),
            base=base,
            patches=table.start / "none"
            if base
            else table.path("patches", f"patches/test-sources/{name}"),
            tests=table.start / "autopkgtest" / "none",
            changes=(Change(purpose[0].upper() + purpose[1:] + "."),) if purpose else (),
        ),
        purpose=purpose,
        where=table.where,
    )
    table.done()
    return test_source
