"""A file of a recipe as tables, and values that several tables have."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from backport.engine import records
from backport.errors import RecipeError, reading
from backport.recipe.toml_table import Folders, Table

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Debian Policy 5.6.12.
_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.+~])?")
# The keys that stand in one kind of table only: where another one has them, it is named.
_PLACES = {
    key: place
    for place, keys in {
        "[update]": "bug maintainer date ppa as-of key stand-in",
        "[bug]": "impact test-plan where-problems-could-occur other-info tags status",
        "[series.NAME]": "mirror archive toolchain",
        "[series.NAME.archive]": "confirmed note",
        "[source.NAME]": "debian-version next-version needs needs-upstream changes packaging base "
        "revision tests",
        "[source.NAME.upstream]": "pypi file",
        "[source.NAME.base]": "dsc",
        "[[source.NAME.control]]": "paragraph field add drop replace",
        "[[source.NAME.packaging]]": "replaces removes requires",
        "[retired.NAME]": "outcome by",
        "[variant.NAME]": "without-patches with-patches",
        "[matrix]": "test include",
        "[[matrix.test]]": "run timeout matrix with from-archive before",
    }.items()
    for key in keys.split()
}


def parsed(path: Path, missing: str, advice: str, allowed: tuple[Path, ...]) -> Table:
    """Read a file as a table.

    Parameters:
        missing, advice: what is said where the file is not there.
        allowed: the folders that its paths may lead to.

    Raises:
        RecipeError: the file is not there, or is no TOML.
    """
    if not path.exists():
        raise RecipeError(missing, where=str(path), advice=advice)
    with reading(
        path, what="this is not readable as TOML", advice="mend that line", kind=RecipeError
    ):
        text = records.read_bytes(path).decode("utf-8")
        data = tomllib.loads(text)
        _check_values(data)
    return Table(data, path.name, _PLACES, Folders(path.parent.resolve(), allowed))


def _check_values(value: Any, depth: int = 0) -> None:
    """Raise ValueError where a value is nested or a number large beyond all use."""
    if depth > 20:
        raise ValueError("it is nested too deeply")
    if isinstance(value, int) and abs(value) >> 31:
        raise ValueError("it has a whole number of more than 32 bits")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _check_values(one, depth + 1)


def version_of(table: Table, key: str, *, empty: str = "") -> str:
    """A version; `empty` is what is said of "" where that is allowed."""
    value = table.string(key, advice=empty)
    if not _VERSION.fullmatch(value) and not (empty and not value):
        rule = "start with a digit; letters, digits and . + ~ - may follow (Policy 5.6.12)"
        raise RecipeError(
            f"{value!r} is no version",
            where=f"{table.where}.{key}",
            advice=f"{rule}, or {empty}" if empty else rule,
        )
    return value


def check_sha256(value: str, table: Table) -> None:
    """Raise RecipeError where the value is no sha256."""
    if not _SHA256.fullmatch(value):
        raise RecipeError(
            f"{value!r} is no sha256",
            where=f"{table.where}.sha256",
            advice="write the 64 hexadecimal digits that sha256sum prints",
        )


def one_of(table: Table, key: str, allowed: tuple[str, ...]) -> str:
    """The value of a key, which has to be one of `allowed`; without the key the first of them."""
    value = table.string(key, allowed[0])
    if value not in allowed:
        raise RecipeError(
            f"{value!r} is not known here",
            where=f"{table.where}.{key}",
            advice=f"write one of {', '.join(allowed)}",
        )
    return value
