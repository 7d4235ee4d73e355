"""The recipe of the update, with the study's own rows of the test matrix."""

from __future__ import annotations

from pathlib import Path

from backport.recipe import reader
from backport.recipe.model import MatrixFolder, Recipe

MATRIX = Path(__file__).resolve().with_name("matrix.toml")


def load(path: Path) -> Recipe:
    """Read the recipe at `path` with them.

    Raises:
        RecipeError: it is wrong, or the study is not below its folder.
    """
    return reader.load(path, matrix=[MATRIX])


def folder(recipe: Recipe, test: str) -> MatrixFolder:
    """Where a test of the matrix and its controls are.

    Raises:
        KeyError: there is no such test.
    """
    return {row.name: row.folder for row in recipe.matrix}[test]
