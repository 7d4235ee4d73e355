"""backport.toml -> Recipe. Every error is one sentence that names the key and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backport.recipe import checks
from backport.recipe import outside as recipe_outside
from backport.recipe.bug import BugText
from backport.recipe.exception import SruException
from backport.recipe.matrix_reader import read_file, read_tests
from backport.recipe.model import Published, Recipe, Retired, Review, Series
from backport.recipe.source_reader import read_source
from backport.recipe.toml_table import Folders, Table, parsed
from backport.recipe.update import Update


def load(
    path: Path,
    *,
    unpinned: bool = False,
    alone: bool = False,
    matrix: Sequence[Path] = (),
    outside: Sequence[Path] = (),
) -> Recipe:
    """Read and check a recipe.

    Parameters:
        path: the file.
        alone: it lies in evidence, without what it names outside of its own folder.
        matrix: files of more rows of its test matrix, beside those that it includes.
        outside: folders that its paths may lead to, beside its own.
        unpinned: let a source have neither a pinned .dsc nor packaging of our own, as before
            `backport pin`.

    Raises:
        RecipeError: a file is missing or wrong; the sentence names the key and the fix.
    """
    advice = "name one with --recipe, or make one with: backport init SOURCE --series NAME"
    allowed = (path.parent, *outside)
    top = parsed(path, "there is no such recipe", advice, allowed)
    recipe = _recipe(top, path, matrix, allowed, unpinned=unpinned)
    checks.check(recipe, unpinned=unpinned)
    recipe_outside.check_links(recipe, Folders(recipe.root, allowed))
    if not alone:
        recipe_outside.check_tests(recipe)
    return recipe


def _recipe(
    top: Table, path: Path, more: Sequence[Path], allowed: tuple[Path, ...], *, unpinned: bool
) -> Recipe:
    root = path.parent.resolve()
    matrix = top.table("matrix")
    tests = read_tests(top, matrix)
    included = matrix.get("include", tuple[Path, ...], ())
    matrix_files = tuple(dict.fromkeys(one.resolve() for one in (*included, *more)))
    for file in matrix_files:
        tests.add(read_file(file, root, allowed))
    matrix.done()
    recipe = Recipe(
        **vars(top.table("update").read(Update)),
        path=path.resolve(),
        root=root,
        series=tuple(_series(name, table) for name, table in top.tables("series")),
        sources=tuple(
            read_source(name, table, unpinned=unpinned) for name, table in top.tables("source")
        ),
        retired=tuple(
            table.read(Retired, name=name, defaults={"outcome": "superseded", "by": ()})
            for name, table in top.tables("retired")
        ),
        variants=tuple(tests.variants),
        test_sources=tuple(tests.test_sources),
        matrix=tuple(tests.rows),
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
    known = [source for source, entry in table.plain("archive").items() if {*entry} != {"note"}]
    return table.read(
        Series, name=name, archive={source: archive.get(source, Published) for source in known}
    )
