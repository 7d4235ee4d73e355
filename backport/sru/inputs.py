"""The recipe that lies in evidence, with what was beside it."""

from __future__ import annotations

from pathlib import Path

from backport.recipe import reader
from backport.recipe.model import Recipe
from backport.sru.manifest import Manifest

FOLDER = "inputs"


def recipe(folder: Path, found: Manifest) -> Recipe:
    """Read the recipe of evidence, with the files of tests that its run had.

    Parameters:
        folder: the evidence's folder of inputs, or a copy.

    Raises:
        RecipeError: it cannot be read.
    """
    more = [folder / name for name in found.matrix]
    return reader.load(folder / found.recipe, alone=True, matrix=more)
