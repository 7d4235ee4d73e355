"""Edit backport.toml with its comments and layout kept."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit

from backport import atomic
from backport.errors import InputError, RecipeError
from backport.recipe.model import PinnedDsc


def set_pinned(text: str, source: str, pin: PinnedDsc, series: str = "") -> str:
    """The recipe with the table ``[source.NAME.pinned]`` made or replaced; nothing else changes.

    This is done on lines: tomlkit would rewrite the distance between the tables that follow.

    Parameters:
        series: the table is that of this series, ``[source.NAME.pinned.SERIES]``; "" for all.

    Raises:
        RecipeError: the text is no TOML, has no such source, or the lines cannot be found.
    """
    table = ["source", source]
    place = [*table, "pinned", *([series] if series else [])]
    wanted = {"version": pin.version, "dsc": pin.dsc, "sha256": pin.sha256}
    wanted["path" if pin.path else "url"] = pin.path or pin.url
    block = [f"{name} = {quoted(value)}" for name, value in wanted.items()]
    after = _expected(text, place, wanted)
    lines = text.splitlines(keepends=True)
    keys = [*_keys_below(lines)]
    values = [number for number, key in keys if key == place and _header(lines[number]) is None]
    own = [number for number, key in keys if key == place]
    if own:
        last = own[0]
        lines = [line for number, line in enumerate(lines) if number not in values]
    else:
        block = ["", f"[{tomlkit.key(place).as_string()}]", *block]
        last = max((number for number, key in keys if key[: len(table)] == table), default=-1)
    end = "\r\n" if "\r\n" in text else "\n"
    before = "".join(lines[: last + 1])
    before += end if before and not before.endswith("\n") else ""
    edited = "".join([before, *(line + end for line in block), *lines[last + 1 :]])
    try:
        good = tomllib.loads(edited) == after
    except tomllib.TOMLDecodeError:
        good = False
    if not good:
        raise RecipeError(
            "the pin cannot be written without changing other parts of the recipe",
            where=".".join(place),
            advice=f"write this table by hand: {', '.join(block)}",
        )
    return edited


def _expected(text: str, place: Sequence[str], wanted: Mapping[str, str]) -> Any:
    """The data of the recipe after the change; tables of series in that table stay."""
    try:
        data = tomllib.loads(text)
        table: Any = data["source"][place[1]]
        for key in place[2:]:
            table = table.setdefault(key, {})
        for key in [key for key, value in table.items() if not isinstance(value, dict)]:
            del table[key]
        table.update(wanted)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"the recipe cannot be edited: {error}") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise RecipeError(
            "there is no such source", where=f"source.{place[1]}", advice="add its table first"
        ) from error
    return data


def _keys_below(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The number of each line that is neither blank nor a comment, and the key of its table."""
    table: list[str] = []
    for number, line in enumerate(lines):
        table = _header(line) or table
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, table


def _header(line: str) -> list[str] | None:
    """The key of a table's header line, or None where the line is none."""
    if not line.lstrip().startswith("["):
        return None
    try:
        node: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(node, dict) and len(node) == 1:
        name, node = next(iter(node.items()))
        path.append(name)
    return path


def quoted(value: str) -> str:
    """A TOML string."""
    return tomlkit.item(value).as_string()


def difference(old: str, new: str, name: str) -> str:
    """The change as a unified diff; "" where there is none."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), name, f"{name} (new)"
    )
    return "".join(lines)


def replace_file(path: Path, old: str, new: str) -> None:
    """Write the new text in one step, if the file still holds the old one.

    Raises:
        InputError: somebody else changed the file in the meantime, or it cannot be written.
    """
    if read_text(path) != old:
        raise InputError(
            "the recipe was changed by somebody else meanwhile, and nothing was written",
            where=str(path),
            advice="run the command again",
        )
    try:
        atomic.write(path, new, mode=path.stat().st_mode & 0o777)
    except OSError as error:
        raise InputError(f"it cannot be written: {error.strerror}", where=str(path)) from error


def read_text(path: Path) -> str:
    """A recipe's text with its line ends as they are.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"it cannot be read: {error}", where=str(path)) from error
