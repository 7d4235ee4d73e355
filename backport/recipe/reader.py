"""backport.toml -> Recipe. Every error is one sentence that names the key and the fix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from backport.errors import RecipeError
from backport.recipe import bug as recipe_bug
from backport.recipe import checks
from backport.recipe import exception as recipe_exception
from backport.recipe import outside as recipe_outside
from backport.recipe.matrix_tables import read_file, read_tests
from backport.recipe.model import Published, Recipe, Retired, Review, Series
from backport.recipe.source_tables import read_source
from backport.recipe.toml_file import one_of, parsed, version_of
from backport.recipe.toml_table import Folders, Table
from backport.source.weight import PARTS

_OUTCOMES = ("superseded", "final-upload", "untouched")


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
    update = top.table("update")
    matrix = top.table("matrix")
    found = read_tests(top, matrix)
    included = matrix.paths("include", ())
    files = tuple(dict.fromkeys(one.resolve() for one in (*included, *more)))
    for file in files:
        found.add(read_file(file, root, allowed))
    recipe = Recipe(
        path=path.resolve(),
        root=root,
        name=update.string("name"),
        bug=update.integer("bug", advice="write the Launchpad bug's number"),
        maintainer=update.string("maintainer", advice='write "Name <address>"'),
        date=update.string("date", advice="write the changelog's date as in RFC 5322"),
        ppa=update.string("ppa", ""),
        as_of=_day(update, "as-of"),
        key=update.string("key", ""),
        stand_in=update.path("stand-in") if update.has("stand-in") else None,
        series=tuple(_series(name, table) for name, table in top.tables("series")),
        sources=tuple(
            read_source(name, table, unpinned=unpinned) for name, table in top.tables("source")
        ),
        retired=tuple(_retired(name, table) for name, table in top.tables("retired")),
        variants=tuple(found.variants),
        test_sources=tuple(found.test_sources),
        matrix=tuple(found.rows),
        matrix_files=files,
        bug_text=recipe_bug.read(top.table("bug")) if top.has("bug") else None,
        exception=(recipe_exception.read(top.table("exception")) if top.has("exception") else None),
        review=_review(top.table("review")),
    )
    for table in (update, matrix, top):
        table.done()
    return recipe


def _day(table: Table, key: str) -> date | None:
    value = table.string(key, "")
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise RecipeError(
            f"{value!r} is no day",
            where=f"{table.where}.{key}",
            advice='write it as in ISO 8601, such as "2017-02-15"',
        ) from error


def _series(name: str, table: Table) -> Series:
    series = Series(
        name=name,
        version=table.string("version", advice='write the release, such as "16.04"'),
        mirror=table.string("mirror", ""),
        archive={
            # Without a version it is not known; "" says that the series has none.
            source: _published(inner)
            for source, inner in table.tables("archive")
            if inner.has("version") or not inner.has("note")
        },
        toolchain=_toolchain(table.table("toolchain")),
    )
    if not re.fullmatch(r"[0-9]{2}\.[0-9]{2}", series.version):
        raise RecipeError(
            f"{series.version!r} is no Ubuntu release",
            where=f"{table.where}.version",
            advice='write it like "16.04"',
        )
    table.done()
    return series


def _toolchain(table: Table) -> dict[str, Published]:
    """The tools' versions: a string is a version that nobody has confirmed."""
    found = {}
    for name in table.keys():  # noqa: SIM118
        if table.is_string(name):
            found[name] = Published(version_of(table, name, empty='write "" if it is not known'))
        else:
            found[name] = _published(table.table(name))
    table.done()
    return found


def _published(table: Table) -> Published:
    none = 'write "" if the series has none'
    published = Published(
        version=version_of(table, "version", empty=none),
        confirmed=table.string("confirmed", ""),
        note=table.string("note", ""),
    )
    table.done()
    return published


def _retired(name: str, table: Table) -> Retired:
    retired = Retired(
        name=name,
        series=table.strings("series"),
        outcome=one_of(table, "outcome", _OUTCOMES),
        by=table.strings("by", ()),
        reason=table.string("reason"),
    )
    table.done()
    return retired


def _review(table: Table) -> Review:
    review = Review(_limits(table.table("source")), _limits(table.table("all")))
    table.done()
    return review


def _limits(table: Table) -> dict[str, int]:
    """The most lines to read, by the part that has a limit."""
    found = {part: table.integer(part) for part in PARTS if table.has(part)}
    table.done()
    return found
