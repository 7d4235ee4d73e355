"""What has to hold in the rows of a recipe's test matrix, and in names that refer to others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from backport.errors import RecipeError
from backport.recipe.model import MatrixTest, Recipe

# DEP-8: a test's name has the characters of a package's name, upper case too.
_TEST = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9+._-]{0,63}")


def check(recipe: Recipe) -> None:
    """Check variants and rows.

    Raises:
        RecipeError: a name is unknown, of no form or there twice; a limit is no time.
    """
    sources = [source.name for source in recipe.sources]
    variants = [variant.name for variant in recipe.variants]
    for variant in recipe.variants:
        known(variant.sources, sources, f"{variant.where}.without-patches", "source")
        for name in variant.patched:
            quilt_series = recipe.source(name).patches / f"series.{variant.name}"
            if not quilt_series.is_file():
                raise RecipeError(
                    f"{name} has no quilt series for this variant",
                    where=f"{variant.where}.with-patches",
                    advice=f"write {quilt_series}",
                )
    taken: Counter[tuple[str, str]] = Counter()
    for row in recipe.matrix:
        where = row.where
        pinned = [
            source.name for source in recipe.test_sources if source.package.base and not row.matrix
        ]
        known((row.source,), [*sources, *pinned], f"{where}.source", "source")
        for control in row.controls:
            if control.variant:
                known((control.variant,), variants, f"{where}.control.variant", "variant")
        extra = [source.name for source in recipe.test_sources]
        known(row.extra, extra, f"{where}.with", "test source")
        known((row.before,) if row.before else (), extra, f"{where}.before", "test source")
        if row.before and row.from_archive:
            raise RecipeError(
                "it is run on what was there before anyway",
                where=f"{where}.from-archive",
                advice="take this key out, or before",
            )
        if row.timeout < 1:
            raise RecipeError(
                f"{row.timeout} is no time",
                where=f"{where}.timeout",
                advice="write seconds, from 1 on",
            )
        for key, name in _test_names(row):
            advice = "letters, digits and + - . _"
            plain(name, _TEST, f"{where}.{key}", "name of a test", advice)
            taken[row.source, name] += 1
            if taken[row.source, name] > 1:
                raise RecipeError(
                    f"{row.source} has a test {name!r} already",
                    where=f"{where}.{key}",
                    advice="take this row out, or name another test",
                )


def _test_names(row: MatrixTest) -> Iterator[tuple[str, str]]:
    yield "name", row.name
    for name in dict.fromkeys(control.test for control in row.controls):
        yield "control.test", name


def known(names: Iterable[str], there: Iterable[str], where: str, what: str) -> None:
    """Raise RecipeError where one of the names is not known."""
    there = tuple(there)
    for name in names:
        if name not in there:
            raise RecipeError(
                f"{name!r} is no {what} of this recipe",
                where=where,
                advice=f"write one of {', '.join(there)}, or add it" if there else "add it",
            )


def plain(name: str, pattern: re.Pattern[str], where: str, what: str, advice: str) -> None:
    """Raise RecipeError where a name has not its form."""
    if not pattern.fullmatch(name):
        raise RecipeError(f"{name!r} is no {what}", where=where, advice=f"use {advice}")
